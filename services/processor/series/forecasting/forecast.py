"""The next points of a series: of several methods, the one that best forecast the points held back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from services.processor.series.forecasting.seasonality import season_length
from services.processor.series.forecasting.smoothing import Smoothing
from services.processor.series.forecasting.theta import Theta
from services.processor.series.forecasting.trend import LinearTrend
from services.processor.series.scaling import enlarged, scaled

Points = NDArray[np.float64]
FEWEST_POINTS = 12
# A season has to occur this often: twice to be learned, once to be held back.
FEWEST_SEASONS = 3
# What is older than this many points, or seasons, is not looked at: it costs time and rarely helps.
RECENT_POINTS = 300
RECENT_SEASONS = 8
NAIVE = "seasonal_naive"


class TooShort(ValueError):
    """A series has too few points to be forecast; `needed` says how many it must have."""

    def __init__(self, count: int, needed: int) -> None:
        super().__init__(f"the series has {count} points; a forecast needs {needed} at least")
        self.count = count
        self.needed = needed


@dataclass(frozen=True, slots=True)
class Backtest:
    """How far a method was from the points that were held back."""

    method: str
    mean_absolute_error: float
    root_mean_square_error: float


@dataclass(frozen=True, slots=True)
class Forecast:
    """`lower` and `upper` hold each future point with the probability `level`."""

    method: str
    season_length: int
    level: float
    points: Points
    lower: Points
    upper: Points
    backtests: tuple[Backtest, ...]
    held_back: int

    @property
    def beats_naive(self) -> bool:
        """Whether the chosen method was closer to the points held back than repeating the last season is."""
        return self.method != NAIVE


class _Fitted(Protocol):
    """A method that has learned from some points."""

    def points(self, count: int) -> Points:
        """Returns the next points."""

    def deviations(self, count: int) -> Points:
        """Returns the standard deviation of each next point's error."""


_Method = Callable[[Points], _Fitted]


def forecast(values: Points, horizon: int, level: float = 0.95, season: int | None = None) -> Forecast:
    """Forecasts `horizon` points. A gap counts as the line between its neighbours. Raises TooShort."""
    small, exponent = scaled(values)
    points = without_gaps(small)
    if len(points) < FEWEST_POINTS:
        raise TooShort(len(points), FEWEST_POINTS)
    length = season_length(points) if season is None else max(1, season)
    if len(points) < FEWEST_SEASONS * length:
        raise TooShort(len(points), FEWEST_SEASONS * length)
    recent = points[-max(RECENT_POINTS, RECENT_SEASONS * length) :]
    held_back = min(max(length, min(horizon, len(recent) // 5)), len(recent) // 3)
    known, future = recent[:-held_back], recent[-held_back:]
    methods = _methods(recent, length)
    # What leaves the range of numbers nevertheless is left out.
    with np.errstate(all="ignore"):
        backtests = [tried for method, fit in methods.items() if (tried := _tried(method, fit, known, future))]
        # Sorting keeps the order of equals, so the simplest method wins a tie.
        backtests.sort(key=lambda tried: tried.mean_absolute_error)
        predictions = ((tried, _predicted(methods[tried.method], recent, horizon)) for tried in backtests)
        best, (expected, deviations) = next((tried, found) for tried, found in predictions if found is not None)
    # A method knows its noise, and not how wrong its assumptions are; the points held back show both.
    margin = _margin_factor(level) * np.maximum(deviations, best.root_mean_square_error)
    return Forecast(
        best.method,
        length,
        level,
        enlarged(expected, exponent),
        enlarged(expected - margin, exponent),
        enlarged(expected + margin, exponent),
        tuple(_enlarged(tried, exponent) for tried in backtests),
        held_back,
    )


def without_gaps(values: Points) -> Points:
    """Returns the points with gaps filled by lines; gaps before the first and after the last point are left out."""
    present = np.flatnonzero(~np.isnan(values))
    if len(present) == 0:
        return values[:0]
    inside = values[present[0] : present[-1] + 1]
    positions = np.arange(len(inside), dtype=np.float64)
    there = ~np.isnan(inside)
    return inside if there.all() else np.interp(positions, positions[there], inside[there])


def _margin_factor(level: float) -> float:
    return NormalDist().inv_cdf(0.5 + level / 2)


def _methods(points: Points, season: int) -> dict[str, _Method]:
    """Returns the methods that suit these points, the simplest first."""
    methods: dict[str, _Method] = {NAIVE: lambda known: _SeasonalNaive(known, season)}
    if float(np.ptp(points)) == 0:
        return methods
    methods["linear_trend"] = LinearTrend
    methods["ets"] = lambda known: Smoothing(known, 1, "plain")
    methods["theta"] = lambda known: Theta(known, season)
    if season > 1:
        methods["holt_winters_additive"] = lambda known: Smoothing(known, season, "additive")
        if float(np.min(points)) > 0:
            methods["holt_winters_multiplicative"] = lambda known: Smoothing(known, season, "multiplicative")
    return methods


def _tried(method: str, fit: _Method, known: Points, future: Points) -> Backtest | None:
    """Returns a method's errors, or None where it cannot follow these points."""
    try:
        errors = fit(known).points(len(future)) - future
    except ValueError:
        return None
    if not np.isfinite(errors).all():
        return None
    return Backtest(method, float(np.mean(np.abs(errors))), float(np.sqrt(np.mean(errors**2))))


def _predicted(fit: _Method, known: Points, count: int) -> tuple[Points, Points] | None:
    """Returns the next points and their deviations, or None where a method cannot follow these points."""
    try:
        fitted = fit(known)
    except ValueError:
        return None
    expected, deviations = fitted.points(count), fitted.deviations(count)
    return (expected, deviations) if np.isfinite(expected + deviations).all() else None


def _enlarged(tried: Backtest, exponent: int) -> Backtest:
    errors = np.array([tried.mean_absolute_error, tried.root_mean_square_error])
    return Backtest(tried.method, *enlarged(errors, exponent).tolist())


class _SeasonalNaive:
    """Repeats the last season; the deviation grows with the square root of the seasons ahead."""

    def __init__(self, known: Points, season: int) -> None:
        self._last = known[-season:]
        self._deviation = float(np.sqrt(np.mean((known[season:] - known[:-season]) ** 2)))

    def points(self, count: int) -> Points:
        return np.resize(self._last, count)

    def deviations(self, count: int) -> Points:
        return self._deviation * np.sqrt(np.arange(count) // len(self._last) + 1)
