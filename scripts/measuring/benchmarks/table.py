"""One table of all that the mesh is measured at, each line beside the strongest plain service behind the same edge.

A line is won where the mesh's rate is as high and its CPU as low; else the table says LOST. CPU is that of all
processes, with the edge's, for one piece of work. A stream of drops has no plain counterpart: it stands beside the
strongest service that takes a request each. `--servers` puts the catalog on a server of MongoDB's protocol, the objects
on S3 and the queue on RabbitMQ, and lets the plain services write to the same MongoDB and S3.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from itertools import count
from pathlib import Path

from scripts.measuring.benchmarks import drop_contenders, drops, grpc_drops, photo_contenders, uploads
from scripts.measuring.benchmarks.contenders import MESH, Contender
from scripts.measuring.benchmarks.figures import Figures, in_turns, milliseconds, number, ratios
from scripts.measuring.benchmarks.load import get_request
from scripts.measuring.benchmarks.read_contenders import Reader, readers
from scripts.measuring.benchmarks.server_stores import Servers, running_servers
from scripts.measuring.loading.http_load import send_load

CONNECTIONS = (1, 16, 64)
HEADS = ("what", "mesh /s", "peer /s", "rate", "CPU µs", "peer", "CPU", "syncs", "peer", "p50 ms", "p99 ms", "peer p99")
BEHIND = "behind the edge"
KINDS = ("drops", "photos", "reads")
# What was measured, the figures of the mesh, and those of the strongest plain service.
Line = tuple[str, Figures, Figures]


def main() -> int:
    """Prints the table, line by line as it is measured."""
    parser = argparse.ArgumentParser(prog="scripts/bench table", description=__doc__)
    parser.add_argument("--drops", type=int, default=2000, help="of a turn; a fourth of it over one connection")
    parser.add_argument("--streamed", type=int, default=10_000, help="drops of a turn by the stream")
    parser.add_argument("--photos", type=int, default=200, help="of 300 KB, in a turn")
    parser.add_argument("--reads", type=int, default=2000, help="of a turn")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--servers", action="store_true", help="on MongoDB, S3 and RabbitMQ; reads are left out")
    parser.add_argument("--only", nargs="+", choices=KINDS, default=KINDS)
    arguments = parser.parse_args()
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}\n\n{_row(HEADS)}\n{_row(['---'] * len(HEADS))}")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="dropmesh-bench-")))
        servers = stack.enter_context(running_servers()) if arguments.servers else None
        for what, mesh, peer in _lines(folder, arguments, servers):
            print(_row(_cells(what, mesh, peer)), flush=True)
    return 0


def _lines(folder: Path, arguments: argparse.Namespace, servers: Servers | None) -> Iterator[Line]:
    for kind in arguments.only:
        (own := folder / kind).mkdir()
        if kind == "drops":
            yield from _drop_lines(own, arguments, servers)
        elif kind == "photos":
            yield from _photo_lines(own, arguments, servers)
        elif servers is None:
            yield from _read_lines(own, arguments)


def _drop_lines(folder: Path, arguments: argparse.Namespace, servers: Servers | None) -> Iterator[Line]:
    numbers = count(0, drops.MOST_DROPS)
    with drop_contenders.contenders(folder, [*drop_contenders.BEHIND_EDGE, MESH], servers) as running:
        drops.warm_up(running.values(), numbers)
        strongest: list[Figures] = []
        for connections in CONNECTIONS:
            ways = drops.request_ways(running, numbers, arguments.drops, connections)
            found = in_turns(ways, arguments.turns)
            strongest.append(_strongest(found))
            yield f"a drop, {connections} connections", found[MESH], strongest[-1]
        found = in_turns(drops.stream_ways(running[MESH], numbers, arguments.streamed), arguments.turns)
        for name, one in found.items():
            yield f"a drop of a stream, {name}", one, max(strongest, key=lambda figures: figures.per_second)
        if servers is None:
            yield from _grpc_lines(folder, running[MESH], numbers, arguments)


def _grpc_lines(folder: Path, mesh: Contender, numbers: count[int], arguments: argparse.Namespace) -> Iterator[Line]:
    with grpc_drops.plain_grpc(folder) as peer:
        for one in (mesh, peer):
            grpc_drops.calls_of_next(one, numbers, 200, 16)
        for connections in CONNECTIONS:
            ways = {
                one.name: partial(grpc_drops.calls_of_next, one, numbers, arguments.drops // 2, connections)
                for one in (mesh, peer)
            }
            found = in_turns(ways, arguments.turns)
            yield f"a drop by gRPC, {connections} connections", found[MESH], found[peer.name]


def _photo_lines(folder: Path, arguments: argparse.Namespace, servers: Servers | None) -> Iterator[Line]:
    numbers = count()
    peers = [name for name in photo_contenders.PEERS if BEHIND in name]
    with photo_contenders.contenders(folder, [*peers, MESH], servers) as running:
        uploads.warm_up(running, numbers)
        for connections in CONNECTIONS:
            found = in_turns(uploads.photo_ways(running, numbers, arguments.photos, connections), arguments.turns)
            yield f"a photo of 300 KB taken, {connections} connections", found[MESH], _strongest(found)


def _read_lines(folder: Path, arguments: argparse.Namespace) -> Iterator[Line]:
    with readers(folder) as found:
        running = {name: one for name, one in found.running.items() if name == MESH or BEHIND in name}
        for kind, path in found.paths.items():
            request = get_request(path, {"authorization": f"Bearer {found.token}"})
            for one in running.values():
                _read(one, request, 200, 16)
            for connections in CONNECTIONS[1:]:
                ways = {
                    name: partial(_read, one, request, arguments.reads, connections) for name, one in running.items()
                }
                figures = in_turns(ways, arguments.turns)
                yield f"a read: {kind}, {connections} connections", figures[MESH], _strongest(figures)


def _read(one: Reader, request: bytes, amount: int, connections: int) -> Figures:
    before = sum(one.cpu_seconds())
    result = send_load(one.port, [request] * amount, per_second=None, connections=connections)
    if result.count(200) != amount:
        raise RuntimeError(f"{amount - result.count(200)} of {amount} reads failed: {set(result.statuses)}")
    cpu = (sum(one.cpu_seconds()) - before) / amount * 1e6
    return Figures(result.answered_per_second, cpu, None, result.percentile(50), result.percentile(99))


def _strongest(found: Mapping[str, Figures]) -> Figures:
    return max((one for name, one in found.items() if name != MESH), key=lambda one: one.per_second)


def _cells(what: str, mesh: Figures, peer: Figures) -> Sequence[str]:
    rate, cpu = ratios(mesh, peer)
    return (
        what,
        f"{mesh.per_second:.0f}",
        f"{peer.per_second:.0f}",
        f"{rate:.2f}{'' if rate >= 1 else ' LOST'}",
        f"{mesh.cpu_microseconds:.0f}",
        f"{peer.cpu_microseconds:.0f}",
        f"{cpu:.2f}{'' if cpu <= 1 else ' LOST'}",
        number(mesh.syncs),
        number(peer.syncs),
        milliseconds(mesh.p50),
        milliseconds(mesh.p99),
        milliseconds(peer.p99),
    )


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    sys.exit(main())
