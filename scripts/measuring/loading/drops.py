"""Loads the dropzone through Envoy, beside two plain references that commit once for each request.

First 1,000 drops a minute, then the highest rate held with p99 under 350 ms. Every accepted drop is looked for
afterwards. Then both again with 4 ms added to every fsync, since a development disk's fsync often costs nothing.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from dataclasses import dataclass

from scripts.measuring.loading.drop_requests import DropSeries
from scripts.measuring.loading.highest_rate import PATH, HeldRate, highest_rate
from scripts.measuring.loading.http_load import LoadResult, send_load
from scripts.measuring.loading.mesh import LoadedMesh, loaded_mesh
from scripts.measuring.loading.plain_references import REFERENCES, plain_reference
from scripts.measuring.loading.reading_back import ACCEPTED, ReadBack, read_back

PER_MINUTE = 1000
READ_BACK_SECONDS = 120.0
GOAL = 1.5
GOAL_SLOW_FSYNC = 5.0
SLOW_FSYNC = (
    "strace", "-f", "--seccomp-bpf", "-qq", "-o", "/dev/null",
    "-e", "trace=fsync,fdatasync", "-e", "inject=fsync,fdatasync:delay_exit=4000",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ReferenceFigures:
    """The rate that a reference held, and its latencies when asked for the mesh's goal."""

    held: HeldRate
    at_goal: HeldRate


@dataclass(frozen=True, slots=True)
class MeshFigures:
    """The rate that the mesh held, and its latencies when asked for the goal."""

    held: HeldRate | None
    at_goal: HeldRate | None
    read: ReadBack


def main() -> int:
    """Runs it all and prints the figures; fails when a drop was lost."""
    parser = argparse.ArgumentParser(prog="scripts/load drops", description=__doc__)
    parser.add_argument("--minutes", type=float, default=2.0, help=f"how long to send {PER_MINUTE} a minute")
    parser.add_argument("--seconds", type=float, default=6.0, help="of each rate that is tried")
    parser.add_argument("--no-slow-fsync", action="store_true", help="leave out the second half")
    arguments = parser.parse_args()
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}", flush=True)
    lost = _compare("as it is", (), arguments.minutes, arguments.seconds, GOAL)
    if arguments.no_slow_fsync:
        return lost
    if shutil.which("strace") is None:
        print("left out: 4 ms more for every fsync needs strace")
        return lost
    return _compare("4 ms more for every fsync", SLOW_FSYNC, 0, arguments.seconds, GOAL_SLOW_FSYNC) or lost


def _compare(title: str, before: tuple[str, ...], minutes: float, seconds: float, goal: float) -> int:
    print(f"\n== {title}", flush=True)
    references = [found for name in REFERENCES if (found := _reference(name, before, seconds, goal)) is not None]
    better = max(references, key=lambda found: found.held.result.answered_per_second, default=None)
    mesh = _mesh(before, minutes, seconds, None if better is None else better.at_goal.per_second)
    if mesh.held is not None and better is not None:
        ratio = mesh.held.result.answered_per_second / better.held.result.answered_per_second
        print(f"  highest rate: {ratio:.2f} times the better reference's (goal {goal:g})")
    if mesh.at_goal is not None and better is not None:
        p99 = mesh.at_goal.result.percentile(99)
        print(f"  at {goal:g} times its rate: {mesh.at_goal}")
        for what, other in (("at its own rate", better.held), (f"at {goal:g} times its rate", better.at_goal)):
            print(f"    p99: {p99 / other.result.percentile(99):.3f} of the better reference's {what} (goal 0.1)")
    return 1 if mesh.read.lost or mesh.read.wrong else 0


def _mesh(before: tuple[str, ...], minutes: float, seconds: float, goal_rate: float | None) -> MeshFigures:
    with loaded_mesh(before) as mesh:
        print("  Dropmesh, through Envoy, one process of each service", flush=True)
        sent: list[tuple[DropSeries, LoadResult]] = []
        if minutes:
            sent.append(_steady(mesh, minutes))
        depths: list[int] = []
        before_cpu = mesh.cpu_seconds()
        held, more = highest_rate(
            mesh.port,
            sum(series.count for series, _ in sent),
            seconds=seconds,
            say=_say,
            watch=lambda: depths.append(mesh.queue_depth()),
        )
        count = sum(series.count for series, _ in more)
        at_goal = None
        if goal_rate is not None:
            series = DropSeries(sum(series.count for series, _ in [*sent, *more]), round(goal_rate * seconds))
            at_goal = HeldRate(goal_rate, send_load(mesh.port, series.requests(PATH), per_second=goal_rate))
            more.append((series, at_goal.result))
            depths.append(mesh.queue_depth())
            count += series.count
        read = read_back(mesh, [*sent, *more], READ_BACK_SECONDS)
        spent = {name: (used - before_cpu[name]) / count * 1e6 for name, used in mesh.cpu_seconds().items()}
        print(f"    highest rate held: {held}")
        print(f"    queue at most {max(depths)} messages; all could be read {read.seconds:.1f} s after the last answer")
        print(f"    accepted {read.accepted}, lost {read.lost}, wrong {read.wrong}")
        print("    CPU a drop: " + ", ".join(f"{name} {used:.0f} µs" for name, used in spent.items()), flush=True)
        return MeshFigures(held, at_goal, read)


def _steady(mesh: LoadedMesh, minutes: float) -> tuple[DropSeries, LoadResult]:
    series = DropSeries(0, round(PER_MINUTE * minutes))
    result = send_load(mesh.port, series.requests(PATH), per_second=PER_MINUTE / 60)
    latencies = f"p50 {result.percentile(50) * 1e3:.1f} ms, p99 {result.percentile(99) * 1e3:.1f} ms"
    accepted = f"{result.count(ACCEPTED)} accepted of {series.count}"
    print(f"    {PER_MINUTE} a minute for {minutes:g} min: {accepted}, {latencies}", flush=True)
    return series, result


def _reference(name: str, before: tuple[str, ...], seconds: float, goal: float) -> ReferenceFigures | None:
    with plain_reference(name, before) as reference:
        print(f"  FastAPI, uvicorn, SQLite, commit in {name.replace('_', ' ')}, one process", flush=True)
        held, sent = highest_rate(reference.port, 0, seconds=seconds, say=_say)
        accepted = sum(result.count(ACCEPTED) for _, result in sent)
        print(f"    highest rate held: {held}", flush=True)
        if held is None:
            return None
        rate = goal * held.result.answered_per_second
        series = DropSeries(sum(series.count for series, _ in sent), round(rate * seconds))
        at_goal = HeldRate(rate, send_load(reference.port, series.requests(PATH), per_second=rate))
        accepted += at_goal.result.count(ACCEPTED)
        print(f"    {goal:g} times that: {at_goal}\n    accepted {accepted}, kept {reference.kept()}", flush=True)
        return ReferenceFigures(held, at_goal)


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
