"""Fewer points that look like the whole: MinMaxLTTB, over each chunk first, so that memory stays flat."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from tsdownsample import LTTBDownsampler, MinMaxDownsampler

from services.common.series.points import Points, joined

# How many times the points asked for the first step keeps, as the authors of MinMaxLTTB advise.
MINMAX_RATIO = 4
Places = npt.NDArray[np.int64]


class Downsampler:
    """Keeps the smallest and largest values of even parts of each chunk, and at the end lets LTTB pick among them."""

    def __init__(self, max_points: int, channels: int, point_count: int) -> None:
        self._max_points = max_points
        self._channels = channels
        # Each channel picks for itself, and the answer holds what any of them picked.
        self._each = max(4, max_points // channels // 2 * 2)
        self._kept_share = min(1.0, self._each * MINMAX_RATIO / max(1, point_count))
        self._kept: list[Points] = []

    def add(self, points: Points) -> None:
        """Takes the next points."""
        wanted = max(4, round(len(points) * self._kept_share) // 2 * 2)
        if self._kept_share == 1.0 or wanted >= len(points):
            self._kept.append(points)
            return
        picked = [_extremes(column, wanted) for column in points.columns]
        self._kept.append(_taken(points, _distinct([0, len(points) - 1], *picked)))

    def picked(self) -> Points:
        """At most `max_points` of them, the extremes of each channel among them."""
        points = joined(self._kept, self._channels)
        if len(points) <= self._max_points:
            return points
        rows = [_lttb(points, column, self._each - 2) for column in points.columns]
        extremes = [place for column in points.columns for place in _outermost(column)]
        places = _distinct(extremes, *rows)
        if len(places) > self._max_points:
            # The extremes stay; of the others, evenly spread ones go.
            others = np.setdiff1d(places, extremes)
            room = self._max_points - len(np.unique(extremes))
            kept = others[np.linspace(0, len(others) - 1, max(0, room)).astype(np.int64)] if room > 0 else others[:0]
            places = _distinct(extremes, kept)
        return _taken(points, places)


def _distinct(*parts: Places | list[int]) -> Places:
    """The places that any of the parts names, in order; numpy's `unique` is slower where most are sorted."""
    places = np.concatenate(parts).astype(np.int64, copy=False)
    places.sort(kind="stable")
    is_new = np.ones(len(places), np.bool_)
    np.not_equal(places[1:], places[:-1], out=is_new[1:])
    return places[is_new]


def _extremes(column: npt.NDArray[np.float64], wanted: int) -> Places:
    # It looks past gaps.
    sampler = MinMaxDownsampler()  # type: ignore[no-untyped-call]
    return np.asarray(sampler.downsample(column, n_out=wanted), dtype=np.int64)


def _lttb(points: Points, column: npt.NDArray[np.float64], wanted: int) -> Places:
    present = np.flatnonzero(~np.isnan(column))
    if len(present) <= wanted:
        return present
    # It is faster on floats, which hold the distances of instants better than the instants.
    times = (points.times_ns[present] - points.times_ns[0]).astype(np.float64)
    sampler = LTTBDownsampler()  # type: ignore[no-untyped-call]
    return present[np.asarray(sampler.downsample(times, column[present], n_out=max(3, wanted)), dtype=np.int64)]


def _outermost(column: npt.NDArray[np.float64]) -> list[int]:
    present = np.flatnonzero(~np.isnan(column))
    if not len(present):
        return []
    values = column[present]
    return [int(present[values.argmin()]), int(present[values.argmax()])]


def _taken(points: Points, places: Places) -> Points:
    return Points(points.times_ns[places], tuple(column[places] for column in points.columns))
