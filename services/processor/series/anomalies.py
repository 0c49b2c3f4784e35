"""Points outside the interval that was predicted one step ahead, from the points before them alone.

Exponential smoothing of a level, a trend and a season. A point outside its interval does not enter the state, so a
spike has no echo a season later. After several such points in a row on one side, the level moves to them. The
deviation is a quantile of the last errors, which few spikes do not widen.
"""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from statistics import NormalDist, median

import numpy as np
from numpy.typing import NDArray

from services.processor.series.forecasting.forecast import FEWEST_POINTS, FEWEST_SEASONS, TooShort, without_gaps
from services.processor.series.forecasting.seasonality import season_length
from services.processor.series.student import student_reach

Points = NDArray[np.float64]
# The season's length and the smoothing factors are learned from this many points: how a series moves, not where to.
LEARNED_POINTS = 1000
LEARNED_SEASONS = 6
# The state starts with the medians of this many seasons, or of blocks of points where there is no season.
START_BLOCKS = 3
FEWEST_OF_BLOCK = 4
# Nothing is claimed before so many errors are known. With few of them the interval is that of Student's t.
FEWEST_ERRORS = 12
# Fewer still keep what is far off out of the state.
FIRST_ERRORS = 4
RECENT_ERRORS = 200
# Up to a tenth of the recent errors may be anomalies.
QUANTILE = 0.9
QUANTILE_OF_NORMAL = NormalDist().inv_cdf(0.5 + QUANTILE / 2)
# So many points in a row outside on one side are a new level; fewer where the level moves with each point anyway.
SLOW_NEW_LEVEL, FAST_NEW_LEVEL = 5, 2
# Differences of so many units in the last place of the largest value are rounding, and so is this part of the range.
ROUNDING = 64 * float(np.finfo(np.float64).eps)
ROUNDING_OF_RANGE = 1e-12


@dataclass(frozen=True, slots=True)
class Anomaly:
    """`score` is the distance from the expected value in standard deviations."""

    index: int
    value: float
    expected: float
    lower: float
    upper: float
    score: float


@dataclass(frozen=True, slots=True)
class _Factors:
    """How much of an error enters each part of the state; a trend of 0 means none."""

    level: float
    trend: float
    season: float


@dataclass(frozen=True, slots=True)
class _Start:
    """The state after the first `count` points. `seasons` has one offset for each place in a season."""

    count: int
    level: float
    trend: float
    seasons: tuple[float, ...]
    lowest: float
    highest: float


@dataclass(frozen=True, slots=True)
class _Step:
    """A point that is outside; `deviation` is the standard deviation of the errors before it."""

    index: int
    expected: float
    margin: float
    deviation: float


def find_anomalies(values: Points, level: float = 0.999, season: int | None = None) -> list[Anomaly]:
    """Returns the points outside the one-step-ahead interval, in their order. Raises TooShort.

    The first three seasons (12 points without a season) and the 12 points after them are never anomalies, nor is a gap.
    """
    filled = without_gaps(values)
    length = season_length(_clipped(filled[-LEARNED_POINTS:])) if season is None else max(1, season)
    needed = max(FEWEST_POINTS, FEWEST_SEASONS * length)
    if len(filled) < needed:
        raise TooShort(len(filled), needed)
    first = int(np.flatnonzero(~np.isnan(values))[0])
    points: list[float] = values[first : first + len(filled)].tolist()
    start = _start(filled, length)
    margins = _margins(level)
    learned = points[: max(LEARNED_POINTS, LEARNED_SEASONS * length)]
    factors = min(_grid(length), key=lambda one: _usual_error(_follow(learned, start, one, margins)[0]))
    return [
        Anomaly(
            index=first + step.index,
            value=points[step.index],
            expected=step.expected,
            lower=step.expected - step.margin,
            upper=step.expected + step.margin,
            score=abs(points[step.index] - step.expected) / step.deviation,
        )
        for step in _follow(points, start, factors, margins)[1]
    ]


def _clipped(points: Points) -> Points:
    """Returns the points without the height of their spikes, which would hide a season."""
    if len(points) == 0:
        return points
    low, high = np.percentile(points, [25, 75])
    reach = 3 * (high - low)
    return np.clip(points, low - reach, high + reach) if reach > 0 else points


def _grid(season: int) -> list[_Factors]:
    """Returns the factors to choose from, the simplest first."""
    seasons = (0.05, 0.3) if season > 1 else (0.0,)
    return [_Factors(*chosen) for chosen in product((0.05, 0.2, 0.5, 1.0), (0.0, 0.1), seasons)]


def _margins(level: float) -> list[float]:
    """Returns the interval's half width in deviations, by the number of known errors.

    A quantile of the errors is as uncertain as the deviation of half as many.
    """
    freedom = np.maximum(np.arange(RECENT_ERRORS + 1) // 2, 1)
    margins: list[float] = student_reach(level, freedom.astype(np.float64)).tolist()
    return margins


def _usual_error(errors: list[float]) -> float:
    """Returns the mean of the distances without the largest tenth, which may be anomalies."""
    usual = sorted(map(abs, errors))[: math.ceil(len(errors) * QUANTILE)]
    return sum(usual) / len(usual) if usual else 0.0


def _start(points: Points, season: int) -> _Start:
    block = season * math.ceil(FEWEST_OF_BLOCK / season)
    count = min(START_BLOCKS * block, len(points))
    known = points[:count]
    levels = [float(np.median(part)) for part in np.array_split(known, START_BLOCKS)]
    trend = (levels[-1] - levels[0]) * START_BLOCKS / ((START_BLOCKS - 1) * count)
    middle = (count - 1) / 2
    level = float(np.median(levels))
    offsets = known - level - trend * (np.arange(count) - middle)
    seasons = [float(np.median(offsets[place::season])) for place in range(season)] if season > 1 else [0.0]
    end = level + trend * (count - 1 - middle)
    return _Start(count, end, trend, tuple(seasons), float(np.min(known)), float(np.max(known)))


def _rounding(lowest: float, highest: float) -> float:
    """Returns the least deviation of values in this range."""
    return ROUNDING * max(abs(lowest), abs(highest)) + ROUNDING_OF_RANGE * (highest - lowest)


def _follow(
    points: Sequence[float], start: _Start, factors: _Factors, margins: list[float]
) -> tuple[list[float], list[_Step]]:
    """Returns the error of each point after the start, and those points that are outside their interval.

    A loop over plain numbers: a million of them take seconds.
    """
    level, lowest, highest = start.level, start.lowest, start.highest
    least_deviation = _rounding(lowest, highest)
    new_level = round(SLOW_NEW_LEVEL + (FAST_NEW_LEVEL - SLOW_NEW_LEVEL) * factors.level)
    trend = start.trend if factors.trend else 0.0
    seasons, season = list(start.seasons), len(start.seasons)
    recent: deque[float] = deque()
    ordered: list[float] = []
    errors: list[float] = []
    outside: list[_Step] = []
    one_sided: list[float] = []
    for index in range(start.count, len(points)):
        value, place = points[index], index % season
        level += trend
        expected = level + seasons[place]
        error = value - expected
        if math.isnan(error):  # A gap.
            continue
        distance, known = abs(error), len(ordered)
        if not lowest <= value <= highest:
            lowest, highest = min(lowest, value), max(highest, value)
            least_deviation = _rounding(lowest, highest)
        errors.append(error)
        is_outside = False
        if known >= FIRST_ERRORS:
            deviation = max(ordered[int(known * QUANTILE)] / QUANTILE_OF_NORMAL, least_deviation)
            margin = margins[known] * deviation
            is_outside = distance > margin
            if is_outside and known >= FEWEST_ERRORS:
                outside.append(_Step(index, expected, margin, deviation))
        if known == RECENT_ERRORS:
            del ordered[bisect_left(ordered, recent.popleft())]
        insort(ordered, distance)
        recent.append(distance)
        if not is_outside:
            one_sided.clear()
            # Early points count more than the factors say, because the state starts with few.
            share = max(factors.level, 1 / (index + 1))
            level += share * error
            if factors.trend:
                trend += share * factors.trend * error
            if season > 1:
                seasons[place] += (1 - share) * max(factors.season, 1 / (index // season + 1)) * error
            continue
        if one_sided and (one_sided[-1] > 0) != (error > 0):
            one_sided.clear()
        one_sided.append(error)
        if len(one_sided) == new_level:
            level += median(one_sided)
            one_sided.clear()
    return errors, outside
