"""One small call by plain gRPC and by REST through Envoy, beside FastAPI on uvicorn doing the same work.

One process at the endpoint in every case. The three take turns, and what counts is the ratio.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import grpc
import uvloop
from dropmesh.v1 import query_service_pb2, query_service_pb2_grpc

from scripts.edge.config import EdgeConfig
from scripts.edge.folder import envoy_command, write_edge_folder
from scripts.measuring.benchmarks.load import Rate, get_request, measure_http, rate
from scripts.measuring.benchmarks.references import ROOT, reference_python

PATH = "/v1/measurements/2019-05-01T10:00:00Z"
EDGE_PORT, REFERENCE_PORT = 18480, 18490


def main() -> None:
    """Starts the three, measures them in turns, prints each turn and the medians."""
    parser = argparse.ArgumentParser(prog="scripts/bench edge", description=__doc__)
    parser.add_argument("--seconds", type=float, default=5, help="of each turn")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--connections", type=int, default=32)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="dropmesh-bench-") as folder, ExitStack() as stack:
        data = Path(folder)
        token = _start(stack, data)
        seen: dict[str, list[Rate]] = {"plain gRPC": [], "REST through Envoy": [], "FastAPI": []}
        for turn in range(arguments.turns + 1):
            for name, found in uvloop.run(_turn(data, token, arguments.connections, arguments.seconds)).items():
                # The first turn warms everything up.
                if turn:
                    seen[name].append(found)
                    print(f"turn {turn}  {name:20} {found}", flush=True)
    base = statistics.median(found.per_second for found in seen["FastAPI"])
    for name, rates in seen.items():
        per_second = statistics.median(found.per_second for found in rates)
        p99 = statistics.median(found.p99_ms for found in rates)
        print(f"median  {name:20} {per_second:8.0f}/s  p99 {p99:6.2f} ms  {per_second / base:5.2f} x FastAPI")


async def _turn(data: Path, token: str, connections: int, seconds: float) -> dict[str, Rate]:
    request = get_request(PATH, {"authorization": f"Bearer {token}"})
    return {
        "plain gRPC": await _measure_grpc(f"unix:{data}/run/query.sock", token, connections, seconds),
        "REST through Envoy": await measure_http(EDGE_PORT, request, connections=connections, seconds=seconds),
        "FastAPI": await measure_http(REFERENCE_PORT, request, connections=connections, seconds=seconds),
    }


async def _measure_grpc(address: str, token: str, callers: int, seconds: float) -> Rate:
    timings: list[float] = []
    request = query_service_pb2.GetMeasurementRequest(name=PATH.removeprefix("/v1/"))
    metadata = (("authorization", f"Bearer {token}"),)
    async with grpc.aio.insecure_channel(address) as channel:
        call = query_service_pb2_grpc.QueryServiceStub(channel).GetMeasurement
        started = time.perf_counter()

        async def go_on() -> None:
            while (sent := time.perf_counter()) - started < seconds:
                await call(request, metadata=metadata)
                timings.append(time.perf_counter() - sent)

        await asyncio.gather(*(go_on() for _ in range(callers)))
        return rate(timings, time.perf_counter() - started, 0)


def _start(stack: ExitStack, data: Path) -> str:
    """Starts the service, Envoy and the reference; returns the token that all take."""
    token_file = data / "token"
    environment = {**os.environ, "DROPMESH_DATA": str(data), "BENCH_TOKEN_FILE": str(token_file)}
    _process(
        stack, [sys.executable, "-m", "scripts.measuring.benchmarks.edge_service"], environment, data / "service.log"
    )
    while not (data / "run" / "query.sock").exists() or not token_file.exists():
        time.sleep(0.05)
    # One service stands for all three.
    for other in ("ingest.sock", "processor.sock"):
        (data / "run" / other).symlink_to("query.sock")
    config = EdgeConfig(
        listen=f"127.0.0.1:{EDGE_PORT}", operations=f"127.0.0.1:{EDGE_PORT + 1}", requests_per_second=1_000_000
    )
    write_edge_folder(data / "run" / "edge", config)
    edge = [*envoy_command("--log-level", "error")]
    _process(stack, edge, environment, data / "edge.log", data / "run" / "edge")
    token = token_file.read_text()
    reference = [str(reference_python()), "-m", "uvicorn", "scripts.measuring.benchmarks.edge_reference:app"]
    options = ["--port", str(REFERENCE_PORT), "--loop", "uvloop", "--http", "httptools", "--no-access-log"]
    _process(stack, [*reference, *options], {**environment, "REFERENCE_TOKEN": token}, data / "reference.log")
    time.sleep(4)
    return token


def _process(stack: ExitStack, command: list[str], environment: dict[str, str], log: Path, folder: Path = ROOT) -> None:
    process = subprocess.Popen(command, cwd=folder, env=environment, stdout=log.open("wb"), stderr=subprocess.STDOUT)
    stack.callback(process.wait)
    stack.callback(process.send_signal, signal.SIGTERM)


if __name__ == "__main__":
    main()
