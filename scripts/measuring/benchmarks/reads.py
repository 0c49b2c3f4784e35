"""Reads of a mesh, beside plain services that check the same and look the same up in SQLite.

The plain ones hold the mesh's own answers as JSON: a bare ASGI app on uvicorn, alone and behind the mesh's own edge,
and FastAPI behind it. They check the token and the path, look the document up, check its owner, and write it as JSON;
they count nothing and have no limits. All take turns, since the machine has other work too: CPU is the first figure to
read.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from scripts.measuring.benchmarks.load import get_request
from scripts.measuring.benchmarks.read_contenders import MESH, Reader, readers
from scripts.measuring.loading.http_load import send_load

OK = 200


@dataclass(frozen=True, slots=True)
class Turn:
    """The figures of one turn: CPU is of a read, in microseconds; latencies are seconds."""

    per_second: float
    edge_microseconds: float
    service_microseconds: float
    p50: float
    p99: float

    @property
    def microseconds(self) -> float:
        """Of both."""
        return self.edge_microseconds + self.service_microseconds


def main() -> int:
    """Prints a table for each kind of read and each number of connections."""
    parser = argparse.ArgumentParser(prog="scripts/bench reads", description=__doc__)
    parser.add_argument("--reads", type=int, default=4000, help="of a turn; a fourth of it over one connection")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--connections", type=int, nargs="+", default=[1, 16, 64])
    parser.add_argument("--only", nargs="+", default=[], help="these kinds of reads, such as measurement and media")
    arguments = parser.parse_args()
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}", flush=True)
    with tempfile.TemporaryDirectory(prefix="dropmesh-bench-") as folder, readers(Path(folder)) as found:
        for kind, path in found.paths.items():
            if arguments.only and kind.split()[0] not in arguments.only:
                continue
            request = get_request(path, {"authorization": f"Bearer {found.token}"})
            for one in found.running.values():
                _turn(one, request, 200, 16)
            for connections in arguments.connections:
                amount = arguments.reads // 4 if connections == 1 else arguments.reads
                seen: dict[str, list[Turn]] = {name: [] for name in found.running}
                for _ in range(arguments.turns):
                    for name, one in found.running.items():
                        seen[name].append(_turn(one, request, amount, connections))
                _print(f"{kind}, {connections} connections", {name: _median(turns) for name, turns in seen.items()})
    return 0


def _turn(one: Reader, request: bytes, amount: int, connections: int) -> Turn:
    edge, service = one.cpu_seconds()
    result = send_load(one.port, [request] * amount, per_second=None, connections=connections)
    if result.count(OK) != amount:
        raise RuntimeError(f"{amount - result.count(OK)} of {amount} reads failed: {set(result.statuses)}")
    edge_after, service_after = one.cpu_seconds()
    return Turn(
        result.answered_per_second,
        (edge_after - edge) / amount * 1e6,
        (service_after - service) / amount * 1e6,
        result.percentile(50),
        result.percentile(99),
    )


def _median(turns: Sequence[Turn]) -> Turn:
    return Turn(
        statistics.median(turn.per_second for turn in turns),
        statistics.median(turn.edge_microseconds for turn in turns),
        statistics.median(turn.service_microseconds for turn in turns),
        statistics.median(turn.p50 for turn in turns),
        statistics.median(turn.p99 for turn in turns),
    )


def _print(title: str, found: dict[str, Turn]) -> None:
    print(f"\n{title}")
    print(
        f"  {'':26} {'reads/s':>8} {'CPU µs':>7} {'edge':>5} {'rest':>5} {'p50 ms':>7} {'p99 ms':>7}  {MESH}: rate, CPU"
    )
    mesh = found[MESH]
    for name, turn in found.items():
        line = (
            f"  {name:26} {turn.per_second:8.0f} {turn.microseconds:7.0f} {turn.edge_microseconds:5.0f}"
            f" {turn.service_microseconds:5.0f} {turn.p50 * 1e3:7.1f} {turn.p99 * 1e3:7.1f}"
        )
        print(line if name == MESH else f"{line}  {_verdict(mesh, turn)}", flush=True)


def _verdict(mesh: Turn, other: Turn) -> str:
    rate, cpu = mesh.per_second / other.per_second, mesh.microseconds / max(other.microseconds, 1.0)
    return f"{rate:.2f} {'won' if rate >= 1 else 'LOST'}, {cpu:.2f} {'won' if cpu <= 1 else 'LOST'}"


if __name__ == "__main__":
    sys.exit(main())
