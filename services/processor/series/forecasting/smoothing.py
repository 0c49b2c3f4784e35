"""Exponential smoothing with a damped trend, and a season that is added, multiplied or absent.

No optimizer looks for the smoothing factors: a thousand candidates follow the series at once, one in each column, and
each counts by its likelihood. So the forecast also knows how uncertain the factors are. Beside statsmodels:
docs/decisions/forecasts.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from services.processor.series.forecasting.seasonality import fitted_line, moving_mean, seasonal_factors

Points = NDArray[np.float64]
Kind = Literal["plain", "additive", "multiplicative"]
# The state before the first point is learned from so many seasons, and its level and trend from so many points.
START_SEASONS = 3
START_POINTS = 10
SIMULATIONS = 500
# How much of an error's share in the level the trend takes, and how much of its rest the season takes.
MOST_OF_TREND, MOST_OF_SEASON = 0.8, 0.9
# How much of the trend is left after each point. Without a season, a trend that lasts is the theta method's part.
PLAIN_DAMPING = (0.8, 0.83, 0.86, 0.89, 0.92, 0.94, 0.96, 0.98)
SEASONAL_DAMPING = (0.8, 0.9, 0.97, 1.0)


def _crowded_at_ends(count: int) -> Points:
    """Returns numbers from 0.01 to 0.99."""
    return 0.5 - 0.49 * np.cos(np.linspace(0, np.pi, count))


def _crowded_at_zero(count: int, most: float) -> Points:
    return most * np.linspace(0, 1, count) ** 2


@dataclass(slots=True)
class _States:
    """States that move on together. The factors say how much of an error enters each part of the state."""

    level: Points
    trend: Points
    # One row for each place of the season.
    seasons: Points
    level_factors: Points
    trend_factors: Points
    season_factors: Points
    damping: Points
    is_product: bool

    def expect(self, place: int) -> Points:
        """Moves on by one point and returns what is expected of it."""
        self.trend *= self.damping
        self.level += self.trend
        season = self.seasons[place]
        return np.asarray(self.level * season if self.is_product else self.level + season)

    def learn(self, place: int, errors: Points) -> None:
        """Lets what the point was more than expected enter the states."""
        season = self.seasons[place]
        of_level, of_season = (errors / season, errors / self.level) if self.is_product else (errors, errors)
        self.level += self.level_factors * of_level
        self.trend += self.trend_factors * of_level
        season += self.season_factors * of_season

    def chosen(self, columns: NDArray[np.intp]) -> _States:
        """Returns a copy of some states, in which one may occur often."""
        return _States(
            self.level[columns],
            self.trend[columns],
            self.seasons[:, columns],
            self.level_factors[columns],
            self.trend_factors[columns],
            self.season_factors[columns],
            self.damping[columns],
            self.is_product,
        )


class Smoothing:
    """Exponential smoothing that has followed a series."""

    def __init__(self, known: Points, season: int, kind: Kind) -> None:
        """Raises ValueError where no candidate can follow the points."""
        season = 1 if kind == "plain" else season
        self._count, self._season = len(known), season
        states = _start(known, season, kind)
        squares = np.zeros(len(states.level))
        for index, value in enumerate(known.tolist()):
            place = index % season
            errors = value - states.expect(place)
            squares += errors * errors
            states.learn(place, errors)
        # Of a perfect fit, rounding errors alone are left.
        least = self._count * (np.finfo(np.float64).eps * float(np.max(np.abs(known)))) ** 2
        squares = np.where(np.isfinite(squares), np.maximum(squares, least), np.inf)
        if not np.isfinite(squares).any():
            raise ValueError("no smoothing factors suit these points")
        likelihoods = (squares / np.min(squares)) ** (-self._count / 2)
        likely = np.flatnonzero(likelihoods > 1e-4)
        self._states = states.chosen(likely)
        self._weights = likelihoods[likely] / np.sum(likelihoods[likely])
        self._noise = np.sqrt(squares[likely] / self._count)

    def points(self, count: int) -> Points:
        states = self._states.chosen(np.arange(len(self._weights)))
        return np.array([np.dot(self._weights, states.expect(place)) for place in self._places(count)])

    def deviations(self, count: int) -> Points:
        # One seed, so that a series always has the same forecast.
        random = np.random.default_rng(0)
        columns = random.choice(len(self._weights), SIMULATIONS, p=self._weights)
        states, noise = self._states.chosen(columns), self._noise[columns]
        deviations = []
        for place in self._places(count):
            errors = noise * random.standard_normal(SIMULATIONS)
            deviations.append(np.std(states.expect(place) + errors))
            states.learn(place, errors)
        return np.array(deviations)

    def _places(self, count: int) -> list[int]:
        return [(self._count + ahead) % self._season for ahead in range(count)]


def _start(known: Points, season: int, kind: Kind) -> _States:
    """Returns each candidate's state before the first point; they differ in their factors."""
    is_product = kind == "multiplicative"
    if kind == "plain":
        factors = product(_crowded_at_ends(16), _crowded_at_zero(9, MOST_OF_TREND), (0.0,), PLAIN_DAMPING)
        first, slope = fitted_line(known[:START_POINTS])
        seasons = np.zeros(1)
    else:
        shares = _crowded_at_zero(5, MOST_OF_TREND), _crowded_at_zero(6, MOST_OF_SEASON)
        factors = product(_crowded_at_ends(10), *shares, SEASONAL_DAMPING)
        # The mean of a long season's first points needs as many again; of a short one's, more than three.
        points = known[: max(START_SEASONS * season, START_POINTS + season)]
        means = moving_mean(points, season)
        first, slope = fitted_line(means[: max(START_POINTS, season)])
        first -= slope * (season // 2)
        seasons = seasonal_factors(points, season, is_product=is_product)
    level, trend, rest, damping = np.array(list(factors)).T
    return _States(
        np.full(len(level), first - slope),
        np.full(len(level), slope),
        np.repeat(seasons[:, None], len(level), axis=1),
        level,
        level * trend,
        (1 - level) * rest,
        damping,
        is_product,
    )
