from __future__ import annotations

import numpy as np
import pytest

from services.processor.series.seasonality import season_length


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
