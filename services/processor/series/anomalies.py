"""Points that a series did not lead one to expect: outside the interval that was predicted one step ahead.

Imports statsmodels, so only the process that forecasts imports this module.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray
from statsmodels.tsa.exponential_smoothing.ets import ETSModel

from services.processor.series.forecast import FEWEST_POINTS, FEWEST_SEASONS, TooShort, without_gaps
from services.processor.series.seasonality import season_length

Points = NDArray[np.float64]
# The model learns from this many points, and then follows all of them.
LEARNED_POINTS = 1000
LEARNED_SEASONS = 6
MOST_STEPS = 25
# The median distance of normally distributed numbers is this part of their deviation.
MEDIAN_OF_NORMAL = NormalDist().inv_cdf(0.75)


@dataclass(frozen=True, slots=True)
class Anomaly:
    """`score` is the distance from the expected value in standard deviations."""

    index: int
    value: float
    expected: float
    lower: float
    upper: float
    score: float


def find_anomalies(values: Points, level: float = 0.999, season: int | None = None) -> list[Anomaly]:
    """Returns the points outside the one-step-ahead interval, in their order. Raises TooShort.

    The deviation is estimated by the median, which the anomalies themselves do not widen. A gap is never one.
    """
    present = np.flatnonzero(~np.isnan(values))
    points = without_gaps(values)
    length = season_length(points[-LEARNED_POINTS:]) if season is None else max(1, season)
    needed = max(FEWEST_POINTS, FEWEST_SEASONS * length)
    if len(points) < needed:
        raise TooShort(len(points), needed)
    errors, expected = _one_step_errors(points, length)
    distances = np.abs(errors - np.median(errors))
    deviation = float(np.median(distances)) / MEDIAN_OF_NORMAL
    if deviation == 0:
        # More than half of the points are exactly as expected: the others share the plain deviation.
        deviation = float(np.std(errors))
    if deviation == 0:
        return []
    scores = np.abs(errors) / deviation
    margin = NormalDist().inv_cdf(0.5 + level / 2) * deviation
    first = int(present[0])
    outside = np.flatnonzero((np.abs(errors) > margin) & ~np.isnan(values[first : first + len(points)]))
    return [
        Anomaly(
            index=first + int(at),
            value=float(points[at]),
            expected=float(expected[at]),
            lower=float(expected[at] - margin),
            upper=float(expected[at] + margin),
            score=float(scores[at]),
        )
        for at in outside
    ]


def _one_step_errors(points: Points, season: int) -> tuple[Points, Points]:
    """Returns each point's error and its expected value; the first points have no past and count as expected."""
    if float(np.ptp(points)) == 0:
        return np.zeros_like(points), points
    known = points[: max(LEARNED_POINTS, LEARNED_SEASONS * season)]
    with warnings.catch_warnings():
        # An optimizer that stops early still follows the series.
        warnings.simplefilter("ignore")
        learned = _model(known, season).fit(disp=False, maxiter=MOST_STEPS)
        followed = learned if len(known) == len(points) else _model(points, season).smooth(learned.params)
    expected = np.asarray(followed.fittedvalues, dtype=np.float64).copy()
    # What the model starts with is fitted to the first points, so these say nothing.
    expected[: max(2, season)] = points[: max(2, season)]
    return points - expected, expected


def _model(points: Points, season: int) -> ETSModel:
    return ETSModel(
        points,
        error="add",
        trend=None,
        seasonal="add" if season > 1 else None,
        seasonal_periods=season if season > 1 else None,
        initialization_method="heuristic",
    )
