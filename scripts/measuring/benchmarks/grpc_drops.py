"""Drops by gRPC into a mesh, by its doors and by its gRPC servers, beside a plain service of grpc.aio.

The edge sends gRPC to the doors, over HTTP/1.1. A second edge before the same mesh sends it to the gRPC servers, over
HTTP/2. The plain service has such an edge too; it parses, checks and aggregates a drop and commits it before the
answer. Rates are also those of the client, which is Python's.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from itertools import count
from pathlib import Path

import grpc
from dropmesh.v1 import ingest_service_pb2_grpc
from dropmesh.v1.ingest_service_pb2 import DropMeasurementsRequest

from scripts.edge.folder import envoy_command
from scripts.measuring.benchmarks.contenders import MESH, Contender, started
from scripts.measuring.benchmarks.drop_contenders import PATH, contenders
from scripts.measuring.benchmarks.drop_streams import send_messages
from scripts.measuring.benchmarks.drops import CONNECTIONS, MOST_DROPS, streamed_of_next
from scripts.measuring.benchmarks.figures import Figures, in_turns, print_figures
from scripts.measuring.benchmarks.references import ROOT
from scripts.measuring.benchmarks.syncs import sync_count
from scripts.measuring.families import cpu_of_family
from scripts.measuring.loading.drop_requests import DropSeries
from scripts.measuring.loading.mesh import free_port_pair, listens
from scripts.measuring.transcoding import write_transcoding_edge

PEER = "grpc.aio behind the edge"
BY_SERVERS = "the mesh by its gRPC servers"
STARTED_WITHIN_SECONDS = 60.0


def main() -> int:
    """Prints a table for each number of connections, and one of streams."""
    parser = argparse.ArgumentParser(prog="scripts/bench grpc-drops", description=__doc__)
    parser.add_argument("--drops", type=int, default=2000, help="of a turn; a fourth of it over one connection")
    parser.add_argument("--streamed", type=int, default=10_000, help="drops of a turn by the stream")
    parser.add_argument("--turns", type=int, default=3)
    arguments = parser.parse_args()
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}", flush=True)
    numbers = count(0, MOST_DROPS)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="dropmesh-bench-")))
        mesh = stack.enter_context(contenders(folder, [MESH]))[MESH]
        by_servers = stack.enter_context(_by_servers(folder, mesh))
        running = (mesh, by_servers, stack.enter_context(plain_grpc(folder)))
        for one in running:
            calls_of_next(one, numbers, 200, 16)
        for connections in CONNECTIONS:
            amount = arguments.drops // 4 if connections == 1 else arguments.drops
            ways = {one.name: partial(calls_of_next, one, numbers, amount, connections) for one in running}
            print_figures(f"a call each, {connections} connections", "drops/s", in_turns(ways, arguments.turns), MESH)
        streams = {
            one.name: partial(streamed_of_next, one, numbers, arguments.streamed, send_messages)
            for one in (mesh, by_servers)
        }
        print_figures("one stream", "drops/s", in_turns(streams, arguments.turns), MESH)
    return 0


@contextmanager
def plain_grpc(folder: Path) -> Iterator[Contender]:
    """Starts the plain service and its edge."""
    port, own = free_port_pair(), folder / "grpc"
    (own / "run").mkdir(parents=True)
    write_transcoding_edge(own / "run" / "edge", port, without=())
    syncs = sync_count(folder, own.name)
    environment = {**os.environ, **syncs.environment, "REFERENCE_DATABASE": str(own / "drops.sqlite")}
    service = [sys.executable, "-m", "scripts.measuring.loading.references.grpc_grouped"]
    with ExitStack() as stack:
        address = f"unix:{own / 'run' / 'ingest.sock'}"
        processes = [
            started(stack, [*service, address], environment, own / "server.log", ROOT),
            started(
                stack, envoy_command("--log-level", "error"), {**os.environ}, own / "edge.log", own / "run" / "edge"
            ),
        ]
        give_up = time.monotonic() + STARTED_WITHIN_SECONDS
        while not ((own / "run" / "ingest.sock").exists() and listens(port)):
            if time.monotonic() > give_up:
                raise RuntimeError(f"it did not start:\n{(own / 'server.log').read_text()[-2000:]}")
            time.sleep(0.1)
        yield Contender(PEER, port, lambda: sum(cpu_of_family(process.pid) for process in processes), syncs)


def calls_of_next(one: Contender, numbers: count[int], amount: int, connections: int) -> Figures:
    """A turn: so many drops, a call each, over so many connections."""
    series = DropSeries(next(numbers), amount)
    drops = [request.partition(b"\r\n\r\n")[2] for request in series.requests(PATH)]
    cpu, syncs, began = one.cpu_seconds(), one.syncs.count, time.perf_counter()
    seconds = sorted(asyncio.run(_send(one.port, drops, connections)))
    rate = amount / (time.perf_counter() - began)
    one.drained()
    return Figures(
        rate,
        (one.cpu_seconds() - cpu) / amount * 1e6,
        None if syncs is None else ((one.syncs.count or 0) - syncs) / amount,
        seconds[amount // 2],
        seconds[amount * 99 // 100],
    )


@contextmanager
def _by_servers(folder: Path, mesh: Contender) -> Iterator[Contender]:
    """A second edge before a mesh."""
    port, run = free_port_pair(), mesh.data / "run" / "transcoding"
    write_transcoding_edge(run, port, without=())
    with ExitStack() as stack:
        edge = started(stack, envoy_command("--log-level", "error"), {**os.environ}, folder / "second_edge.log", run)
        give_up = time.monotonic() + STARTED_WITHIN_SECONDS
        while not listens(port):
            if time.monotonic() > give_up:
                raise RuntimeError(f"it did not start:\n{(folder / 'second_edge.log').read_text()[-2000:]}")
            time.sleep(0.1)
        # Of the mesh's own edge nothing is asked meanwhile.
        yield replace(
            mesh, name=BY_SERVERS, port=port, cpu_seconds=lambda: mesh.cpu_seconds() + cpu_of_family(edge.pid)
        )


async def _send(port: int, drops: Sequence[bytes], connections: int) -> list[float]:
    waiting = iter(drops)
    seconds: list[float] = []

    async def send() -> None:
        # Else all channels share one connection.
        options = (("grpc.use_local_subchannel_pool", 1),)
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", options) as channel:
            stub = ingest_service_pb2_grpc.IngestServiceStub(channel)
            for drop in waiting:
                began = time.perf_counter()
                answer = await stub.DropMeasurements(DropMeasurementsRequest(body={"data": drop}), wait_for_ready=True)
                seconds.append(time.perf_counter() - began)
                if not answer.receipt.name:
                    raise RuntimeError("a drop was answered without a receipt")

    async with asyncio.TaskGroup() as tasks:
        for _ in range(connections):
            tasks.create_task(send())
    return seconds


if __name__ == "__main__":
    sys.exit(main())
