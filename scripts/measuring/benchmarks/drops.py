"""Drops into a mesh, a request each and by the stream, beside plain dropzones that do the same work in one process.

The plain ones parse, check and aggregate a drop, and commit it with its measurement before the answer, grouped: a bare
ASGI app on uvicorn and on granian, and behind the mesh's own edge; FastAPI behind that edge. The mesh answers when the
drop is durable and computes its measurement afterwards, which is in its CPU and in the rate of its streams. All take
turns, since the machine has other work too: CPU is the first figure to read, then the ratios of rates.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from scripts.measuring.benchmarks.drop_contenders import BEHIND_EDGE, MESH, PLAIN, Contender, contenders
from scripts.measuring.benchmarks.drop_streams import send_lines, send_messages
from scripts.measuring.loading.drop_requests import DropSeries
from scripts.measuring.loading.http_load import send_load
from scripts.measuring.loading.reading_back import ACCEPTED

PATH = "/v1/measurements"
CONNECTIONS = (1, 16, 64)


@dataclass(frozen=True, slots=True)
class Turn:
    """The figures of one turn; syncs are None where they are not counted, latencies are seconds."""

    per_second: float
    cpu_microseconds: float
    syncs: float | None
    p50: float | None = None
    p99: float | None = None


def main() -> int:
    """Prints a table for each number of connections, and one of streams."""
    parser = argparse.ArgumentParser(prog="scripts/bench drops", description=__doc__)
    parser.add_argument("--drops", type=int, default=4000, help="of a turn; a fourth of it over one connection")
    parser.add_argument("--streamed", type=int, default=20_000, help="drops of a turn by the stream")
    parser.add_argument("--turns", type=int, default=3)
    arguments = parser.parse_args()
    names = [*PLAIN, *BEHIND_EDGE, MESH]
    numbers = count(0, 10_000_000)
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}", flush=True)
    with tempfile.TemporaryDirectory(prefix="dropmesh-bench-") as folder, contenders(Path(folder), names) as running:
        for one in running.values():
            _requests(one, DropSeries(next(numbers), 500), 16)
        best: dict[int, Turn] = {}
        for connections in CONNECTIONS:
            amount = arguments.drops // 4 if connections == 1 else arguments.drops
            ways = {name: _way_of(one, numbers, amount, connections) for name, one in running.items()}
            found = _in_turns(ways, arguments.turns)
            _print(f"a request each, {connections} connections", found, MESH)
            best[connections] = max((found[name] for name in PLAIN), key=lambda turn: turn.per_second)
        mesh = running[MESH]
        streams: dict[str, Callable[[], Turn]] = {
            name: lambda send=send: _streamed(mesh, DropSeries(next(numbers), arguments.streamed), send)  # type: ignore[misc]
            for name, send in (("lines", send_lines), ("gRPC", send_messages))
        }
        found = _in_turns(streams, arguments.turns)
        strongest = max(best.values(), key=lambda turn: turn.per_second)
        _print("one stream, until every drop has its measurement", {"strongest plain": strongest, **found}, "lines")
    return 0


def _way_of(one: Contender, numbers: count[int], amount: int, connections: int) -> Callable[[], Turn]:
    return lambda: _requests(one, DropSeries(next(numbers), amount), connections)


def _in_turns(ways: dict[str, Callable[[], Turn]], turns: int) -> dict[str, Turn]:
    """The median of each figure."""
    seen: dict[str, list[Turn]] = {name: [] for name in ways}
    for _ in range(turns):
        for name, way in ways.items():
            seen[name].append(way())
    return {name: _median(found) for name, found in seen.items()}


def _requests(one: Contender, series: DropSeries, connections: int) -> Turn:
    requests = series.requests(PATH)
    cpu, syncs = one.cpu_seconds(), one.syncs.count
    result = send_load(one.port, requests, per_second=None, connections=connections)
    if result.count(ACCEPTED) != series.count:
        raise RuntimeError(f"{one.name} accepted {result.count(ACCEPTED)} of {series.count}")
    one.drained()
    return Turn(
        result.answered_per_second,
        (one.cpu_seconds() - cpu) / series.count * 1e6,
        None if syncs is None else ((one.syncs.count or 0) - syncs) / series.count,
        result.percentile(50),
        result.percentile(99),
    )


def _streamed(one: Contender, series: DropSeries, send: Callable[[int, list[bytes]], int]) -> Turn:
    drops = [request.partition(b"\r\n\r\n")[2] for request in series.requests(PATH)]
    cpu, syncs, began = one.cpu_seconds(), one.syncs.count, time.perf_counter()
    answered = send(one.port, drops)
    if answered != series.count:
        raise RuntimeError(f"{answered} of {series.count} drops were answered with a receipt")
    one.drained()
    seconds = time.perf_counter() - began
    return Turn(
        series.count / seconds,
        (one.cpu_seconds() - cpu) / series.count * 1e6,
        None if syncs is None else ((one.syncs.count or 0) - syncs) / series.count,
    )


def _median(turns: list[Turn]) -> Turn:
    def of(values: list[float | None]) -> float | None:
        known = [value for value in values if value is not None]
        return statistics.median(known) if known else None

    return Turn(
        statistics.median(turn.per_second for turn in turns),
        statistics.median(turn.cpu_microseconds for turn in turns),
        of([turn.syncs for turn in turns]),
        of([turn.p50 for turn in turns]),
        of([turn.p99 for turn in turns]),
    )


def _print(title: str, found: dict[str, Turn], mine: str) -> None:
    print(f"\n{title}")
    print(f"  {'':26} {'drops/s':>8} {'CPU µs':>8} {'syncs':>7} {'p50 ms':>8} {'p99 ms':>8}  {mine}: rate, CPU")
    for name, turn in found.items():
        syncs = "" if turn.syncs is None else f"{turn.syncs:.2f}"
        p50, p99 = ("" if value is None else f"{value * 1e3:.1f}" for value in (turn.p50, turn.p99))
        line = f"  {name:26} {turn.per_second:8.0f} {turn.cpu_microseconds:8.0f} {syncs:>7} {p50:>8} {p99:>8}"
        print(line if name == mine else f"{line}  {_verdict(found[mine], turn)}", flush=True)


def _verdict(mine: Turn, other: Turn) -> str:
    rate, cpu = mine.per_second / other.per_second, mine.cpu_microseconds / other.cpu_microseconds
    return f"{rate:.2f} {'won' if rate >= 1 else 'LOST'}, {cpu:.2f} {'won' if cpu <= 1 else 'LOST'}"


if __name__ == "__main__":
    sys.exit(main())
