"""Points in memory, and the instants of evenly spaced ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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

    def pieces(self, most_values: int) -> Iterator[Points]:
        """The same points in parts of so many values, instants among them."""
        count = max(1, most_values // (1 + len(self.columns)))
        for start in range(0, len(self), count):
            yield self.part(start, start + count)

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


class GatheredPoints:
    """Points that follow each other, in arrays of the size that is expected: to join parts takes their memory twice."""

    def __init__(self, expected: int, channels: int) -> None:
        self._times_ns = np.empty(expected, np.int64)
        self._columns = [np.empty(expected) for _ in range(channels)]
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, points: Points) -> None:
        """Takes the next points; more than were expected have room too."""
        end = self._count + len(points)
        if end > len(self._times_ns):
            self._times_ns = np.resize(self._times_ns, 2 * end)
            self._columns = [np.resize(column, 2 * end) for column in self._columns]
        self._times_ns[self._count : end] = points.times_ns
        for column, values in zip(self._columns, points.columns, strict=True):
            column[self._count : end] = values
        self._count = end

    def whole(self) -> Points:
        """All of them."""
        return Points(self._times_ns[: self._count], tuple(column[: self._count] for column in self._columns))
