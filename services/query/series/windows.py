"""A summary of each window of time: count, mean, min, max and deviation, put together chunk by chunk."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from services.common.base.errors import InvalidField
from services.common.series.points import Points, joined

MOST_WINDOWS = 100_000
SUMMARIES = ("count", "mean", "min", "max", "population_stddev")
Array = npt.NDArray[np.float64]


class WindowRollup:
    """Windows begin at multiples of their length since the epoch; those without a point are left out."""

    def __init__(self, window_ns: int, channels: Sequence[str]) -> None:
        self._window_ns = window_ns
        self._channels = channels
        self._done: list[Points] = []
        self._windows = 0
        # The last window may go on in the next chunk: its start, and for each channel count, mean, min, max, M2.
        self._open: tuple[int, list[Array]] | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of what there is of each channel."""
        if len(self._channels) == 1:
            return SUMMARIES
        return tuple(f"{channel}.{summary}" for channel in self._channels for summary in SUMMARIES)

    def add(self, points: Points) -> None:
        """Takes the next points."""
        starts = points.times_ns // self._window_ns * self._window_ns
        edges = np.flatnonzero(np.diff(starts, prepend=starts[0] - 1))
        windows = starts[edges]
        each = [_summaries(column, edges) for column in points.columns]
        if self._open is not None:
            if self._open[0] == windows[0]:
                for summary, before in zip(each, self._open[1], strict=True):
                    summary[:, 0] = _merged(before, summary[:, 0])
            else:
                self._close(np.array([self._open[0]]), [before[:, None] for before in self._open[1]])
        self._close(windows[:-1], [summary[:, :-1] for summary in each])
        self._open = int(windows[-1]), [summary[:, -1] for summary in each]

    def rows(self) -> Points:
        """A row for each window."""
        if self._open is not None:
            self._close(np.array([self._open[0]]), [before[:, None] for before in self._open[1]])
            self._open = None
        return joined(self._done, len(self.columns))

    def _close(self, windows: npt.NDArray[np.int64], each: Sequence[Array]) -> None:
        self._windows += len(windows)
        if self._windows > MOST_WINDOWS:
            raise InvalidField(
                "window", f"more than {MOST_WINDOWS} windows hold points; ask for longer ones, or a shorter range"
            )
        if len(windows):
            self._done.append(Points(windows, tuple(column for summary in each for column in _shown(summary))))


def _summaries(column: Array, edges: npt.NDArray[np.int64]) -> Array:
    """Count, mean, min, max and the sum of squares around the mean, of the part after each edge; gaps are left out."""
    is_gap = np.isnan(column)
    if is_gap.any():
        count = np.add.reduceat(~is_gap, edges, dtype=np.float64)
        total = np.add.reduceat(np.where(is_gap, 0.0, column), edges)
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = total / count
        low = np.fmin.reduceat(column, edges)
        high = np.fmax.reduceat(column, edges)
    else:
        count = np.diff(np.append(edges, len(column))).astype(np.float64)
        mean = np.add.reduceat(column, edges) / count
        low, high = np.minimum.reduceat(column, edges), np.maximum.reduceat(column, edges)
    lengths = np.diff(np.append(edges, len(column)))
    away = column - np.repeat(mean, lengths)
    squares = np.add.reduceat(np.where(is_gap, 0.0, away * away), edges)
    return np.array([count, mean, low, high, squares])


def _merged(before: Array, after: Array) -> Array:
    if before[0] == 0:
        return after
    if after[0] == 0:
        return before
    count = before[0] + after[0]
    away = after[1] - before[1]
    return np.array(
        [
            count,
            before[1] + away * after[0] / count,
            np.fmin(before[2], after[2]),
            np.fmax(before[3], after[3]),
            before[4] + after[4] + away * away * before[0] * after[0] / count,
        ]
    )


def _shown(summary: Array) -> list[Array]:
    count, mean, low, high, squares = summary
    with np.errstate(invalid="ignore", divide="ignore"):
        return [count, mean, low, high, np.sqrt(squares / count)]
