"""Drops into a mesh, a request each and by the stream, beside plain dropzones that do the same work in one process.

The plain ones parse, check and aggregate a drop, and commit it with its measurement before the answer, grouped: a bare
ASGI app on uvicorn and on granian, and behind the mesh's own edge; FastAPI behind that edge. The mesh answers when the
drop is durable and computes its measurement afterwards, which is in its CPU and in the rate of its streams. All take
turns, since the machine has other work too: CPU is the first figure to read, then the ratios of rates.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from itertools import count
from pathlib import Path

from scripts.measuring.benchmarks.contenders import MESH, Contender
from scripts.measuring.benchmarks.drop_contenders import BEHIND_EDGE, PATH, PLAIN, contenders
from scripts.measuring.benchmarks.drop_streams import send_lines, send_messages
from scripts.measuring.benchmarks.figures import Figures, Way, in_turns, print_figures
from scripts.measuring.loading.drop_requests import DropSeries
from scripts.measuring.loading.http_load import send_load
from scripts.measuring.loading.reading_back import ACCEPTED

CONNECTIONS = (1, 16, 64)
MOST_DROPS = 10_000_000
STREAMS = {"lines": send_lines, "gRPC": send_messages}


def main() -> int:
    """Prints a table for each number of connections, and one of streams."""
    parser = argparse.ArgumentParser(prog="scripts/bench drops", description=__doc__)
    parser.add_argument("--drops", type=int, default=4000, help="of a turn; a fourth of it over one connection")
    parser.add_argument("--streamed", type=int, default=20_000, help="drops of a turn by the stream")
    parser.add_argument("--turns", type=int, default=3)
    arguments = parser.parse_args()
    names = [*PLAIN, *BEHIND_EDGE, MESH]
    numbers = count(0, MOST_DROPS)
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}", flush=True)
    with tempfile.TemporaryDirectory(prefix="dropmesh-bench-") as folder, contenders(Path(folder), names) as running:
        warm_up(running.values(), numbers)
        best: dict[int, Figures] = {}
        for connections in CONNECTIONS:
            ways = request_ways(running, numbers, arguments.drops, connections)
            found = in_turns(ways, arguments.turns)
            print_figures(f"a request each, {connections} connections", "drops/s", found, MESH)
            best[connections] = max((found[name] for name in PLAIN), key=lambda one: one.per_second)
        found = in_turns(stream_ways(running[MESH], numbers, arguments.streamed), arguments.turns)
        strongest = max(best.values(), key=lambda one: one.per_second)
        title = "one stream, until every drop has its measurement"
        print_figures(title, "drops/s", {"strongest plain": strongest, **found}, "lines")
    return 0


def warm_up(running: Iterable[Contender], numbers: count[int]) -> None:
    """Has each take a few drops."""
    for one in running:
        _requests(one, DropSeries(next(numbers), 500), 16)


def request_ways(
    running: Mapping[str, Contender], numbers: count[int], amount: int, connections: int
) -> dict[str, Way]:
    """A turn of each: so many drops, a request each; a fourth of them over one connection."""
    amount = amount // 4 if connections == 1 else amount
    return {name: partial(_requests_of_next, one, numbers, amount, connections) for name, one in running.items()}


def stream_ways(mesh: Contender, numbers: count[int], amount: int) -> dict[str, Way]:
    """A turn of each kind of stream."""
    return {name: partial(streamed_of_next, mesh, numbers, amount, send) for name, send in STREAMS.items()}


def _requests_of_next(one: Contender, numbers: count[int], amount: int, connections: int) -> Figures:
    return _requests(one, DropSeries(next(numbers), amount), connections)


def streamed_of_next(
    mesh: Contender, numbers: count[int], amount: int, send: Callable[[int, list[bytes]], int]
) -> Figures:
    """A turn: so many drops by one stream, until each has its measurement."""
    return _streamed(mesh, DropSeries(next(numbers), amount), send)


def _requests(one: Contender, series: DropSeries, connections: int) -> Figures:
    requests = series.requests(PATH)
    cpu, syncs = one.cpu_seconds(), one.syncs.count
    result = send_load(one.port, requests, per_second=None, connections=connections)
    if result.count(ACCEPTED) != series.count:
        raise RuntimeError(f"{one.name} accepted {result.count(ACCEPTED)} of {series.count}")
    one.drained()
    return Figures(
        result.answered_per_second,
        (one.cpu_seconds() - cpu) / series.count * 1e6,
        None if syncs is None else ((one.syncs.count or 0) - syncs) / series.count,
        result.percentile(50),
        result.percentile(99),
    )


def _streamed(one: Contender, series: DropSeries, send: Callable[[int, list[bytes]], int]) -> Figures:
    drops = [request.partition(b"\r\n\r\n")[2] for request in series.requests(PATH)]
    cpu, syncs, began = one.cpu_seconds(), one.syncs.count, time.perf_counter()
    answered = send(one.port, drops)
    if answered != series.count:
        raise RuntimeError(f"{answered} of {series.count} drops were answered with a receipt")
    one.drained()
    seconds = time.perf_counter() - began
    return Figures(
        series.count / seconds,
        (one.cpu_seconds() - cpu) / series.count * 1e6,
        None if syncs is None else ((one.syncs.count or 0) - syncs) / series.count,
    )


if __name__ == "__main__":
    sys.exit(main())
