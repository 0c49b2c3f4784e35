"""A straight line that goes on, and simple exponential smoothing of what the points differ from it.

The line goes on with its whole slope: the theta method takes half of it, and a damped trend ends.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from services.processor.series.forecasting.seasonality import fitted_line

Points = NDArray[np.float64]
# The smoothing factors to choose from: with 0 the points lie around the line, with 1 they walk along it.
FACTORS = np.linspace(0, 1, 101)


class LinearTrend:
    """A line that was fitted to a series."""

    def __init__(self, known: Points) -> None:
        self._count = len(known)
        self._start, self._slope = fitted_line(known)
        levels, squares = np.zeros(len(FACTORS)), np.zeros(len(FACTORS))
        for difference in (known - self._line(np.arange(self._count))).tolist():
            errors = difference - levels
            squares += errors * errors
            levels += FACTORS * errors
        best = int(np.argmin(squares))
        self._factor, self._level = float(FACTORS[best]), float(levels[best])
        # Of a perfect fit, rounding errors alone are left. The start, the slope and the factor were fitted.
        least = self._count * float(np.finfo(np.float64).eps * np.max(np.abs(known)))
        self._noise = max(float(np.sqrt(squares[best] / (self._count - 3))), least)

    def points(self, count: int) -> Points:
        return self._line(self._count + np.arange(count)) + self._level

    def deviations(self, count: int) -> Points:
        ahead = np.arange(count)
        # The errors that enter the level add up, and so do those in the slope of points that walk.
        walked = self._factor**2 * (ahead + (ahead + 1) ** 2 / self._count)
        # How uncertain the least squares leave the start and the slope.
        from_middle = ahead + (self._count + 1) / 2
        fitted = 1 / self._count + 12 * from_middle**2 / (self._count**3 - self._count)
        return np.asarray(self._noise * np.sqrt(1 + walked + fitted))

    def _line(self, places: NDArray[np.intp]) -> Points:
        return np.asarray(self._start + self._slope * places)
