"""Points in memory, and the instants of evenly spaced ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Times = npt.NDArray[np.int64]
Values = npt.NDArray[np.float64]
SECOND_NS = 1e9


@dataclass(frozen=True, slots=True)
class Points:
    """Consecutive points: their instants in nanoseconds since the epoch, and each channel's values."""

    times_ns: Times
    columns: tuple[Values, ...]

    def __len__(self) -> int:
        return len(self.times_ns)

    @property
    def size_bytes(self) -> int:
        """How much memory they take."""
        return sum(array.nbytes for array in (self.times_ns, *self.columns))

    def part(self, start: int, end: int) -> Points:
        """Some of the points, without copying them."""
        return Points(self.times_ns[start:end], tuple(column[start:end] for column in self.columns))

    def within(self, start_ns: int | None, end_ns: int | None) -> Points:
        """Those at or after `start_ns` and before `end_ns`."""
        start = 0 if start_ns is None else int(np.searchsorted(self.times_ns, start_ns, side="left"))
        end = len(self) if end_ns is None else int(np.searchsorted(self.times_ns, end_ns, side="left"))
        return self if (start, end) == (0, len(self)) else self.part(start, max(start, end))


def grid_times(start_ns: int, spacing_hz: float, first_tick: int, count: int) -> Times:
    """The instants of evenly spaced points, each rounded to the nanosecond from its own tick."""
    ticks = np.arange(first_tick, first_tick + count, dtype=np.float64)
    return np.rint(ticks * (SECOND_NS / spacing_hz)).astype(np.int64) + start_ns


def joined(parts: Sequence[Points], channels: int) -> Points:
    """Points that follow each other as one."""
    if len(parts) == 1:
        return parts[0]
    if not parts:
        return Points(np.empty(0, np.int64), tuple(np.empty(0) for _ in range(channels)))
    columns = zip(*(part.columns for part in parts), strict=True)
    return Points(np.concatenate([part.times_ns for part in parts]), tuple(np.concatenate(one) for one in columns))
