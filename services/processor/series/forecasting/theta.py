"""The theta method: a straight line and simple exponential smoothing, averaged, on a series without its season."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from services.processor.series.forecasting.seasonality import fitted_line, seasonal_factors

Points = NDArray[np.float64]
# The smoothing factors to choose from.
FACTORS = np.linspace(0.005, 1, 200)


class Theta:
    """The theta method that has followed a series."""

    def __init__(self, known: Points, season: int) -> None:
        self._is_product = float(np.min(known)) > 0
        self._seasons = seasonal_factors(known, season, is_product=self._is_product)
        self._count = len(known)
        past = np.resize(self._seasons, self._count)
        level = known / past if self._is_product else known - past
        expected, squares = np.full(len(FACTORS), level[0]), np.zeros(len(FACTORS))
        for value in level.tolist():
            errors = value - expected
            squares += errors * errors
            expected += FACTORS * errors
        best = int(np.argmin(squares))
        self._factor, self._level = float(FACTORS[best]), float(expected[best])
        self._noise = float(np.sqrt(squares[best] / (self._count - 1)))
        self._slope = fitted_line(level)[1]

    def points(self, count: int) -> Points:
        # Smoothing lags behind a line by its slope over the factor, which is less while few points were followed.
        lag = (1 - (1 - self._factor) ** self._count) / self._factor
        levels = self._level + self._slope / 2 * (np.arange(count) + lag)
        seasons = self._next_seasons(count)
        return np.asarray(levels * seasons if self._is_product else levels + seasons)

    def deviations(self, count: int) -> Points:
        deviations = self._noise * np.sqrt(1 + self._factor**2 * np.arange(count))
        return np.asarray(deviations * self._next_seasons(count) if self._is_product else deviations)

    def _next_seasons(self, count: int) -> Points:
        return self._seasons[(self._count + np.arange(count)) % len(self._seasons)]
