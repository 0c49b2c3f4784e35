"""The possible outcomes of parsing a drop, and its limits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.common.base.timestamps import format_timestamp
from services.processor.drops.parsing.findings import Finding, Findings, QualityReason, WarningReason
from services.processor.drops.parsing.paths import key_path

TIME_STAMP = "time_stamp"
DATA = "data"


@dataclass(frozen=True, slots=True)
class DropLimits:
    """How large a drop may be.

    `max_depth` counts the nested arrays and objects, and can be 100 at most. `max_memory_bytes` bounds what reading
    takes: 16 MiB of empty arrays would take 500 MB.
    """

    max_bytes: int = 16 * 1024 * 1024
    max_points: int = 1_000_000
    max_measurements: int = 100_000
    max_memory_bytes: int = 160_000_000
    max_depth: int = 32
    max_findings: int = 100

    def __post_init__(self) -> None:
        # The parsers' own limits (Python's recursion: 1000 calls) must never be what a drop meets first.
        if not 3 <= self.max_depth <= 100:
            raise ValueError(f"max_depth must be 3 to 100, not {self.max_depth}")


# Neither this nor ParsedDrop is ever changed or frozen: each drop makes both, and a frozen one takes longer.
@dataclass(slots=True)
class Measured:
    """One measurement of a drop: where it stands in it, its instant and its finite points."""

    path: str
    time_ns: int
    points: NDArray[np.float64]


@dataclass(slots=True)
class ParsedDrop:
    """A good drop: its measurements, no two of one instant, and what its sender should know."""

    measurements: tuple[Measured, ...]
    warnings: tuple[Finding[WarningReason], ...]
    more_warnings: int


@dataclass(frozen=True, slots=True)
class RefusedDrop:
    """A bad drop: at least one failure, in the order of the document, and how many more there are."""

    failures: tuple[Finding[QualityReason], ...]
    more_failures: int


def accept(measured: list[Measured], warnings: Findings[WarningReason]) -> ParsedDrop:
    """Return the drop with the later of any two measurements of one instant."""
    latest = {one.time_ns: one for one in measured}
    if len(latest) < len(measured):
        for one in measured:
            winner = latest[one.time_ns]
            if winner is not one:
                instant = format_timestamp(one.time_ns)
                message = f"not used: {winner.path} has the same instant, {instant}, and comes later"
                warnings.add(WarningReason.SAME_INSTANT_IN_DROP, one.path, message)
    return ParsedDrop(tuple(latest.values()), warnings.kept, warnings.more)


def refuse(failures: Findings[QualityReason]) -> RefusedDrop:
    """Return the refusal of a drop with these failures."""
    return RefusedDrop(failures.kept, failures.more)


def warn_of_unknown_key(warnings: Findings[WarningReason], path: str, key: str) -> None:
    """Warns that a key is kept in the raw drop and otherwise ignored."""
    if warnings.full:
        warnings.more += 1  # Millions of unknown keys are counted, not described.
        return
    message = f'kept in the raw drop and not used: the keys of a measurement are "{TIME_STAMP}" and "{DATA}"'
    warnings.add(WarningReason.UNKNOWN_KEY, key_path(path, key), message)
