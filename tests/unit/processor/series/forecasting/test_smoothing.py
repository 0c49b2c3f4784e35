from __future__ import annotations

import warnings
from typing import get_args

import numpy as np
import pytest
from statsmodels.tsa.exponential_smoothing.ets import ETSModel

from services.processor.series.forecasting.smoothing import Kind, Smoothing

SEASON = 12
AHEAD = 12
THEIRS: dict[Kind, str | None] = {"plain": None, "additive": "add", "multiplicative": "mul"}


def series(kind: Kind, seed: int, count: int = 96) -> np.ndarray:
    """A level that walks, under noise, with the season that the kind is for."""
    random = np.random.default_rng(seed)
    season = np.resize(random.normal(0, 1, SEASON), count)
    level = 100 + np.cumsum(random.normal(0.2, 0.5, count))
    noise = random.normal(0, 1, count)
    if kind == "plain":
        return level + noise
    return level + 8 * season + noise if kind == "additive" else level * (1 + 0.1 * season) + noise


def statsmodels_forecast(known: np.ndarray, kind: Kind) -> np.ndarray:
    model = ETSModel(
        known,
        error="add",
        trend="add",
        damped_trend=True,
        seasonal=THEIRS[kind],
        seasonal_periods=None if kind == "plain" else SEASON,
        initialization_method="heuristic",
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return np.asarray(model.fit(disp=False).forecast(AHEAD))


@pytest.mark.parametrize("kind", get_args(Kind))
def test_it_is_as_near_to_the_future_as_statsmodels(kind):
    ours, theirs = [], []
    for seed in range(40):
        points = series(kind, seed)
        known, future = points[:-AHEAD], points[-AHEAD:]
        ours.append(np.mean(np.abs(Smoothing(known, SEASON, kind).points(AHEAD) - future)))
        theirs.append(np.mean(np.abs(statsmodels_forecast(known, kind) - future)))
    assert np.mean(ours) <= 1.05 * np.mean(theirs)


@pytest.mark.parametrize("kind", get_args(Kind))
def test_two_deviations_hold_nearly_all_of_the_future(kind):
    inside = []
    for seed in range(24):
        points = series(kind, seed)
        smoothing = Smoothing(points[:-AHEAD], SEASON, kind)
        inside.append(np.abs(smoothing.points(AHEAD) - points[-AHEAD:]) <= 2 * smoothing.deviations(AHEAD))
    assert np.mean(inside) >= 0.88


def test_deviations_grow_where_the_level_walks_and_hardly_where_it_rests():
    random = np.random.default_rng(0)
    walk = Smoothing(np.cumsum(random.normal(size=200)), 1, "plain").deviations(25)
    noise = Smoothing(random.normal(size=200), 1, "plain").deviations(25)
    assert walk[24] > 3 * walk[0]
    assert noise[24] < 1.3 * noise[0]


def test_a_season_without_noise_goes_on():
    pattern = np.array([5.0, 1, 3, 9])
    points = 20 + 0.5 * np.arange(48) + np.resize(pattern, 48)
    expected = 20 + 0.5 * np.arange(48, 56) + np.resize(pattern, 8)
    smoothing = Smoothing(points, 4, "additive")
    np.testing.assert_allclose(smoothing.points(8), expected, rtol=1e-6)
    assert np.max(smoothing.deviations(8)) < 1e-6


def test_points_that_leave_the_range_of_numbers_are_refused():
    with np.errstate(all="ignore"), pytest.raises(ValueError, match="smoothing factors"):
        Smoothing(np.resize([1e300, 1e-300], 40), 2, "multiplicative")
