from __future__ import annotations

import numpy as np
import pytest
from scipy import signal
from statsmodels.tsa.seasonal import seasonal_decompose

from services.processor.series.forecasting.seasonality import (
    LEAST_PROMINENCE,
    fitted_line,
    season_length,
    seasonal_factors,
)


def scipys_season(points: np.ndarray) -> int:
    level = signal.detrend(points)
    correlation = signal.correlate(level, level)[len(level) - 1 :] / np.dot(level, level)
    peaks, _ = signal.find_peaks(correlation[: len(points) // 3 + 2], prominence=LEAST_PROMINENCE)
    good = peaks[(peaks > 1) & (correlation[peaks] > 0)]
    return int(good[correlation[good] >= 0.9 * np.max(correlation[good])][0]) if len(good) else 1


@pytest.mark.parametrize("season", [4, 7, 12, 24, 52, 96])
@pytest.mark.parametrize("seed", range(10))
def test_a_season_is_found_under_a_trend_and_noise(season, seed):
    random = np.random.default_rng(seed)
    positions = np.arange(max(8 * season, 60))
    pattern = random.normal(0, 5, season)
    points = 100 + 0.05 * positions + pattern[positions % season] + random.normal(0, 1, len(positions))
    assert season_length(points) == season


def test_most_random_walks_have_none():
    walks = [np.cumsum(np.random.default_rng(seed).normal(size=300)) for seed in range(100)]
    assert sum(season_length(walk) > 1 for walk in walks) <= 3


@pytest.mark.parametrize("points", [np.full(50, 2.0), np.arange(50.0), 1e12 + np.arange(50.0), np.array([1.0, 2.0])])
def test_a_line_and_a_few_points_have_none(points):
    assert season_length(points) == 1


@pytest.mark.parametrize("seed", range(60))
def test_it_is_what_scipy_finds(seed):
    random = np.random.default_rng(seed)
    noise = random.normal(size=int(random.integers(20, 400)))
    walk = np.cumsum(noise)
    wave = noise + 2 * np.sin(np.arange(len(noise)) * 2 * np.pi / random.integers(2, 40))
    for points in (noise, walk, wave):
        assert season_length(points) == scipys_season(points)


def test_a_line_is_found_under_noise():
    random = np.random.default_rng(0)
    points = 3 - 0.5 * np.arange(400) + random.normal(0, 0.1, 400)
    assert fitted_line(points) == pytest.approx(np.polynomial.Polynomial.fit(np.arange(400), points, 1).convert().coef)


@pytest.mark.parametrize("season", [2, 3, 7, 12])
@pytest.mark.parametrize(("kind", "is_product"), [("additive", False), ("multiplicative", True)])
def test_factors_are_those_of_statsmodels(season, kind, is_product):
    points = 50 + np.cumsum(np.random.default_rng(season).normal(size=5 * season + 1))
    expected = seasonal_decompose(points, model=kind, period=season).seasonal[:season]
    np.testing.assert_allclose(seasonal_factors(points, season, is_product=is_product), expected, rtol=1e-9, atol=1e-9)
