"""Loads series through Envoy: each kind of request by latency, large ones by time and memory, and a plain peer."""

from __future__ import annotations

import argparse
import http.client
import os
import sys
import time

from scripts.measuring.families import memory_of_family
from scripts.measuring.loading.mesh import LoadedMesh, loaded_mesh
from scripts.measuring.loading.million_points import hold
from scripts.measuring.loading.series_clients import TIMEOUT_SECONDS, Clients, Connection, npy, percentile
from scripts.measuring.loading.series_peers import compare

SIZES = (1_000, 10_000, 100_000, 1_000_000)
GOAL_MILLISECONDS = 350.0
LARGE_POINTS = 10_000_000
MEBIBYTE = 2**20


def main() -> int:
    """Prints the figures; fails where a request is refused or one of the goals is missed."""
    parser = argparse.ArgumentParser(prog="scripts/load series", description=__doc__)
    parser.add_argument("--clients", type=int, default=32, help="at once (32)")
    parser.add_argument("--pause", type=float, default=1.0, help="seconds of a client between requests, on average (1)")
    parser.add_argument("--seconds", type=float, default=30.0, help="of the mixed load (30)")
    arguments = parser.parse_args()
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    missed: list[str] = []
    with loaded_mesh() as mesh:
        connection = Connection(mesh.port)
        series = {points: connection.store(npy(points)) for points in SIZES}
        time.sleep(10.0)
        _first_forecast(connection, series[SIZES[0]], missed)
        _mixed(mesh, series, arguments, missed)
        _download(mesh, series[SIZES[-1]])
        missed += compare(mesh)
        missed += hold(mesh, LARGE_POINTS, stores=1, downloads=1)
    for miss in missed:
        print(f"missed: {miss}")
    return int(bool(missed))


def _first_forecast(connection: Connection, name: str, missed: list[str]) -> None:
    began = time.perf_counter()
    status, _ = connection.call("GET", f"/v1/{name}/forecast?horizon=24")
    took = 1000 * (time.perf_counter() - began)
    print(f"the first forecast of a mesh that is up for 10 s: {took:.0f} ms (status {status})")
    if took > GOAL_MILLISECONDS:
        missed.append(f"the first forecast took {took:.0f} ms, the goal is {GOAL_MILLISECONDS:.0f}")


def _mixed(mesh: LoadedMesh, series: dict[int, str], arguments: argparse.Namespace, missed: list[str]) -> None:
    clients = Clients(mesh.port, series, arguments.pause)
    first = ", ".join(f"{kind} {1000 * took:.0f}" for kind, took in clients.ask_each().items())
    print(f"the first request of each kind, ms: {first}")
    before, memory = _cpu(mesh), _memory(mesh)
    clients.run(arguments.clients, arguments.seconds)
    cpu = _cpu(mesh) - before
    total = sum(map(len, clients.seconds.values()))
    print(
        f"{arguments.clients} clients, {total / arguments.seconds:.0f} requests a second on series of {SIZES[0]:,} to "
        f"{SIZES[-1]:,} points, {1000 * cpu / total:.1f} ms of CPU each"
    )
    for kind, seconds in sorted(clients.seconds.items()):
        p50, p99 = percentile(seconds, 50), percentile(seconds, 99)
        refused = clients.refused.get(kind, [])
        print(f"  {kind:24}{len(seconds):>6}   p50 {p50:>6.0f} ms   p99 {p99:>6.0f} ms   refused {len(refused)}")
        if p99 > GOAL_MILLISECONDS:
            missed.append(f"{kind}: p99 {p99:.0f} ms, the goal is {GOAL_MILLISECONDS:.0f}")
        if refused:
            missed.append(f"{kind}: {len(refused)} refused, the first with {refused[0]}")
    _print_memory("memory after it", memory, _memory(mesh))


def _download(mesh: LoadedMesh, name: str) -> None:
    for form in ("json", "csv", "npy", "arrow", "parquet"):
        connection = http.client.HTTPConnection("127.0.0.1", mesh.port, timeout=TIMEOUT_SECONDS)
        began = time.perf_counter()
        connection.request("GET", f"/v1/{name}/points?format={form}")
        answer = connection.getresponse()
        size = len(answer.read(1))
        first = time.perf_counter() - began
        while chunk := answer.read(MEBIBYTE):
            size += len(chunk)
        took = time.perf_counter() - began
        print(
            f"  {SIZES[-1]:,} points as {form:8} first byte {1000 * first:>5.0f} ms   all {1000 * took:>6.0f} ms"
            f"   {size / MEBIBYTE:>6.1f} MiB"
        )
        connection.close()


def _cpu(mesh: LoadedMesh) -> float:
    return sum(mesh.family_cpu_seconds().values())


def _memory(mesh: LoadedMesh) -> dict[str, int]:
    return {name: memory_of_family(number) for name, number in mesh.processes().items()}


def _print_memory(what: str, before: dict[str, int], after: dict[str, int]) -> None:
    grown = (
        f"{name} {after[name] / MEBIBYTE:.0f} ({(after[name] - size) / MEBIBYTE:+.0f})" for name, size in before.items()
    )
    print(f"  {what}, MiB: {', '.join(sorted(grown))}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
