"""The figures of contenders that take turns, since the machine has other work too, and how they are shown."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one piece of work: CPU in microseconds, syncs where they are counted; latencies in seconds where they are."""

    per_second: float
    cpu_microseconds: float
    syncs: float | None = None
    p50: float | None = None
    p99: float | None = None


Way = Callable[[], Figures]


def in_turns(ways: Mapping[str, Way], turns: int) -> dict[str, Figures]:
    """Has each go its way so often, one after the other; returns the medians."""
    seen: dict[str, list[Figures]] = {name: [] for name in ways}
    for _ in range(turns):
        for name, way in ways.items():
            seen[name].append(way())
    return {name: _median(found) for name, found in seen.items()}


def print_figures(title: str, unit: str, found: Mapping[str, Figures], mine: str) -> None:
    """A row for each; those of the others say whether `mine` won."""
    print(f"\n{title}")
    print(f"  {'':26} {unit:>10} {'CPU µs':>8} {'syncs':>7} {'p50 ms':>8} {'p99 ms':>8}  {mine}: rate, CPU")
    for name, one in found.items():
        line = f"  {name:26} {one.per_second:10.0f} {one.cpu_microseconds:8.0f} {number(one.syncs):>7}"
        line += f" {milliseconds(one.p50):>8} {milliseconds(one.p99):>8}"
        print(line if name == mine else f"{line}  {verdict(found[mine], one)}", flush=True)


def verdict(mine: Figures, other: Figures) -> str:
    """How the rates and the CPU compare."""
    rate, cpu = ratios(mine, other)
    return f"{rate:.2f} {'won' if rate >= 1 else 'LOST'}, {cpu:.2f} {'won' if cpu <= 1 else 'LOST'}"


def ratios(mine: Figures, other: Figures) -> tuple[float, float]:
    """Of the rates, and of the CPU."""
    return mine.per_second / other.per_second, mine.cpu_microseconds / max(other.cpu_microseconds, 1.0)


def number(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def milliseconds(value: float | None) -> str:
    return "" if value is None else f"{value * 1e3:.1f}"


def _median(turns: Sequence[Figures]) -> Figures:
    def of(values: Sequence[float | None]) -> float | None:
        known = [value for value in values if value is not None]
        return statistics.median(known) if known else None

    return Figures(
        statistics.median(one.per_second for one in turns),
        statistics.median(one.cpu_microseconds for one in turns),
        of([one.syncs for one in turns]),
        of([one.p50 for one in turns]),
        of([one.p99 for one in turns]),
    )
