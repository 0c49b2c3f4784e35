"""The jobs of the forecasting process."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from services.common.workers.jobs import job
from services.common.workers.worker import Worker
from services.processor.series.anomalies import find_anomalies
from services.processor.series.forecasting.forecast import TooShort, forecast
from services.processor.series.loading import too_short


@dataclass(frozen=True, slots=True)
class Predicted:
    """A forecast in plain values."""

    method: str
    beats_naive: bool
    season_length: int
    values: tuple[float, ...]
    lower: tuple[float, ...]
    upper: tuple[float, ...]
    backtests: tuple[tuple[str, float, float], ...]
    held_back_count: int


@dataclass(frozen=True, slots=True)
class Odd:
    """A point that was not expected."""

    index: int
    value: float
    expected: float
    lower: float
    upper: float
    score: float


@job
def prepare() -> None:
    """Forecasts once, which imports all that it needs."""
    forecast(np.arange(40.0) + np.sin(np.arange(40.0)), 3)


@job
def predict(_worker: Worker[None], values: bytes, horizon: int, level: float, season: int | None) -> Predicted:
    """Forecasts the next points; the values come as float64."""
    try:
        found = forecast(np.frombuffer(values), horizon, level, season)
    except TooShort as short:
        raise too_short(short.count, short.needed) from None
    return Predicted(
        found.method,
        found.beats_naive,
        found.season_length,
        tuple(map(float, found.points)),
        tuple(map(float, found.lower)),
        tuple(map(float, found.upper)),
        tuple((one.method, one.mean_absolute_error, one.root_mean_square_error) for one in found.backtests),
        found.held_back,
    )


@job
def find_odd(_worker: Worker[None], values: bytes, level: float, season: int | None, most: int) -> tuple[Odd, ...]:
    """Finds the points that were not expected, the oddest first and at most so many."""
    try:
        found = find_anomalies(np.frombuffer(values), level, season)
    except TooShort as short:
        raise too_short(short.count, short.needed) from None
    found.sort(key=lambda one: -one.score)
    return tuple(Odd(one.index, one.value, one.expected, one.lower, one.upper, one.score) for one in found[:most])
