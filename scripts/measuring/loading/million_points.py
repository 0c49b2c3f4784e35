"""Stores series of 10 million points and reads them whole in every format: time, and memory of the services.

The peak is that of the system's own count (VmHWM), child processes included.
"""

from __future__ import annotations

import argparse
import http.client
import os
import sys
import time

from scripts.measuring.families import memory_of_family, peak_of_family
from scripts.measuring.loading.mesh import SERVICES, LoadedMesh, loaded_mesh
from scripts.measuring.loading.series_clients import STORE, TIMEOUT_SECONDS, Connection, npy

POINTS = 10_000_000
FORMATS = ("json", "csv", "npy", "arrow", "parquet")
SMALL_POINTS = 1000
GOAL_SECONDS = 3.0
# What freed memory the allocators of three languages may keep.
GOAL_GROWN_MIB = 64
SETTLED_SECONDS = 8.0
MIB = 2**20


def main() -> int:
    """Prints the figures; fails where a goal is missed."""
    parser = argparse.ArgumentParser(prog="scripts/load million-points", description=__doc__)
    parser.add_argument("--points", type=int, default=POINTS, help="of each series (%(default)s)")
    parser.add_argument("--stores", type=int, default=5, help="how many series (%(default)s)")
    parser.add_argument("--downloads", type=int, default=5, help="in each format (%(default)s)")
    arguments = parser.parse_args()
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    with loaded_mesh() as mesh:
        missed = hold(mesh, arguments.points, arguments.stores, arguments.downloads)
    for miss in missed:
        print(f"missed: {miss}")
    return int(bool(missed))


def hold(mesh: LoadedMesh, points: int, stores: int, downloads: int) -> list[str]:
    """Prints times and memory; returns the goals that were missed."""
    missed: list[str] = []
    body = npy(points)
    print(f"series of {points:,} points, {len(body) / MIB:.0f} MiB each")
    _warm(mesh)
    name = ""
    before = _memory(mesh)
    took = []
    for _ in range(stores):
        began = time.perf_counter()
        status, text = Connection(mesh.port).call("POST", STORE, body)
        took.append(time.perf_counter() - began)
        if status != http.HTTPStatus.CREATED:
            return [*missed, f"a store was answered with {status}: {text[:200]!r}"]
        name = Connection.name_of(text)
    print(f"  stored, s: {', '.join(f'{seconds:.2f}' for seconds in took)}", flush=True)
    if sorted(took)[len(took) // 2] > GOAL_SECONDS:
        missed.append(f"a store took {sorted(took)[len(took) // 2]:.2f} s, the goal is {GOAL_SECONDS:g}")
    missed += _settled(mesh, f"{stores} stores", before)
    for form in FORMATS:
        before = _memory(mesh)
        firsts, wholes = [], []
        size = 0
        for _ in range(downloads):
            first, whole, size = _download(mesh.port, f"/v1/{name}/points?format={form}")
            firsts.append(first)
            wholes.append(whole)
        middle = downloads // 2
        print(
            f"  {downloads} downloads as {form}: {size / MIB:.0f} MiB, "
            f"first byte {1000 * sorted(firsts)[middle]:.0f} ms, all {sorted(wholes)[middle]:.2f} s",
            flush=True,
        )
        missed += _settled(mesh, f"{downloads} downloads as {form}", before)
    return missed


def _warm(mesh: LoadedMesh) -> None:
    """A small series of each kind of request: what is imported with the first one is no growth."""
    connection = Connection(mesh.port)
    name = connection.store(npy(SMALL_POINTS))
    connection.call("GET", f"/v1/{name}/metrics")
    for form in FORMATS:
        connection.call("GET", f"/v1/{name}/points?format={form}")
    connection.call("GET", f"/v1/{name}/forecast?horizon=3")
    time.sleep(SETTLED_SECONDS)


def _download(port: int, path: str) -> tuple[float, float, int]:
    """Seconds to the first byte and to the last, and the bytes."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS)
    began = time.perf_counter()
    connection.request("GET", path)
    answer = connection.getresponse()
    size = len(answer.read(1))
    first = time.perf_counter() - began
    while chunk := answer.read(MIB):
        size += len(chunk)
    whole = time.perf_counter() - began
    connection.close()
    if answer.status != http.HTTPStatus.OK:
        raise RuntimeError(f"{path} was answered with {answer.status}")
    return first, whole, size


def _settled(mesh: LoadedMesh, what: str, before: dict[str, tuple[int, int]]) -> list[str]:
    """Prints what the services hold; names those that hold more than they may."""
    time.sleep(SETTLED_SECONDS)
    after = _memory(mesh)
    shown, missed = [], []
    for name, (held, peak) in after.items():
        grown = held - before[name][0]
        shown.append(f"{name} {before[name][0]} → {held}, peak {peak}")
        if grown > GOAL_GROWN_MIB:
            missed.append(f"{what}: {name} holds {grown} MiB more, the goal is {GOAL_GROWN_MIB}")
    print(f"    memory, MiB: {'; '.join(shown)}", flush=True)
    return missed


def _memory(mesh: LoadedMesh) -> dict[str, tuple[int, int]]:
    """Of each service what it holds and the most that it held, in MiB."""
    running = mesh.processes()
    return {name: (memory_of_family(running[name]) // MIB, peak_of_family(running[name]) // MIB) for name in SERVICES}


if __name__ == "__main__":
    sys.exit(main())
