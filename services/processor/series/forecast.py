"""The next points of a series: of several methods, the one that best forecast the points held back.

statsmodels takes seconds to import and 100 MB of memory: only the process that forecasts imports this module.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from statsmodels.tsa.exponential_smoothing.ets import ETSModel
from statsmodels.tsa.forecasting.theta import ThetaModel

from services.processor.series.seasonality import season_length

Points = NDArray[np.float64]
FEWEST_POINTS = 12
# A season has to occur this often: twice to be learned, once to be held back.
FEWEST_SEASONS = 3
# What is older than this many points, or seasons, is not looked at: it costs time and rarely helps.
RECENT_POINTS = 300
RECENT_SEASONS = 8
MOST_STEPS = 25
SIMULATIONS = 500
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
    points = without_gaps(values)
    if len(points) < FEWEST_POINTS:
        raise TooShort(len(points), FEWEST_POINTS)
    length = season_length(points) if season is None else max(1, season)
    if len(points) < FEWEST_SEASONS * length:
        raise TooShort(len(points), FEWEST_SEASONS * length)
    recent = points[-max(RECENT_POINTS, RECENT_SEASONS * length) :]
    held_back = min(max(length, min(horizon, len(recent) // 5)), len(recent) // 3)
    known, future = recent[:-held_back], recent[-held_back:]
    methods, backtests = _methods(recent, length), []
    with warnings.catch_warnings():
        # An optimizer that stops early still gives a forecast, which the backtest judges.
        warnings.simplefilter("ignore")
        for method, fit in methods.items():
            tried = _tried(method, fit, known, future)
            if tried is not None:
                backtests.append(tried)
        # Sorting keeps the order of equals, so the simplest method wins a tie.
        backtests.sort(key=lambda tried: tried.mean_absolute_error)
        fitted = methods[backtests[0].method](recent)
        expected = fitted.points(horizon)
        # A method knows its noise, and not how wrong its assumptions are; the points held back show both.
        deviations = np.maximum(fitted.deviations(horizon), backtests[0].root_mean_square_error)
    margin = _margin_factor(level) * deviations
    return Forecast(
        backtests[0].method, length, level, expected, expected - margin, expected + margin, tuple(backtests), held_back
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
    methods["ets"] = lambda known: _Smoothed(known, 1, None)
    methods["theta"] = lambda known: _Theta(known, season)
    if season > 1:
        methods["holt_winters_additive"] = lambda known: _Smoothed(known, season, "add")
        if float(np.min(points)) > 0:
            methods["holt_winters_multiplicative"] = lambda known: _Smoothed(known, season, "mul")
    return methods


def _tried(method: str, fit: _Method, known: Points, future: Points) -> Backtest | None:
    """Returns a method's errors, or None where it cannot be fitted to these points."""
    try:
        errors = fit(known).points(len(future)) - future
    except (ValueError, ZeroDivisionError, np.linalg.LinAlgError):
        return None
    if not np.isfinite(errors).all():
        return None
    return Backtest(method, float(np.mean(np.abs(errors))), float(np.sqrt(np.mean(errors**2))))


class _SeasonalNaive:
    """Repeats the last season; the deviation grows with the square root of the seasons ahead."""

    def __init__(self, known: Points, season: int) -> None:
        self._last = known[-season:]
        self._deviation = float(np.sqrt(np.mean((known[season:] - known[:-season]) ** 2)))

    def points(self, count: int) -> Points:
        return np.resize(self._last, count)

    def deviations(self, count: int) -> Points:
        return self._deviation * np.sqrt(np.arange(count) // len(self._last) + 1)


class _Smoothed:
    """Exponential smoothing with a damped trend: Holt-Winters with a season, ETS without."""

    def __init__(self, known: Points, season: int, seasonal: str | None) -> None:
        model = ETSModel(
            known,
            error="add",
            trend="add",
            damped_trend=True,
            seasonal=seasonal,
            seasonal_periods=season if seasonal else None,
            initialization_method="heuristic",
        )
        self._fitted: Any = model.fit(disp=False, maxiter=MOST_STEPS)

    def points(self, count: int) -> Points:
        return np.asarray(self._fitted.forecast(count))

    def deviations(self, count: int) -> Points:
        # One seed, so that a series always has the same forecast.
        random = np.random.default_rng(0)
        paths = self._fitted.simulate(count, anchor="end", repetitions=SIMULATIONS, rng=random)
        deviations: Points = np.std(np.asarray(paths).reshape(count, SIMULATIONS), axis=1)
        return deviations


class _Theta:
    """The theta method, on a series without its season: a straight line and simple smoothing, averaged."""

    def __init__(self, known: Points, season: int) -> None:
        self._is_product = float(np.min(known)) > 0
        kind = "multiplicative" if self._is_product else "additive"
        model = ThetaModel(known, period=season, deseasonalize=season > 1, use_test=False, method=kind)
        self._fitted: Any = model.fit()
        self._known = known
        self._season = season

    def points(self, count: int) -> Points:
        return np.asarray(self._fitted.forecast(count))

    def deviations(self, count: int) -> Points:
        # The library's own intervals fit another model, which takes ten times as long as the forecast.
        alpha = float(self._fitted.params["alpha"])
        factors = np.asarray(self._fitted.forecast_components(max(count, self._season))["seasonal"])
        past = np.resize(factors[: self._season][::-1], len(self._known))[::-1]
        level = self._known / past if self._is_product else self._known - past
        errors, expected = [], float(level[0])
        for value in level.tolist():
            errors.append(value - expected)
            expected += alpha * (value - expected)
        deviations = np.std(errors[1:]) * np.sqrt(1 + alpha**2 * np.arange(count))
        return np.asarray(deviations * factors[:count] if self._is_product else deviations)
