from __future__ import annotations

import numpy as np
import pytest

from services.processor.series.forecasting.trend import LinearTrend


@pytest.mark.parametrize(("start", "slope"), [(0, 1), (1e9, -0.1), (1 / 3, 1e-6)])
def test_a_line_goes_on_with_its_whole_slope(start, slope):
    line = start + slope * np.arange(80.0)
    trend = LinearTrend(line[:50])
    assert np.all(np.abs(trend.points(30) - line[50:]) <= 2 * trend.deviations(30))
    assert np.max(trend.deviations(30)) <= 1e-12 * np.max(np.abs(line))


@pytest.mark.parametrize("walks", [False, True])
def test_two_deviations_hold_nearly_all_of_the_future(walks):
    inside = []
    for seed in range(40):
        noise = np.random.default_rng(seed).normal(size=124)
        points = 5 + 0.5 * np.arange(124) + (np.cumsum(noise) if walks else noise)
        trend = LinearTrend(points[:100])
        inside.append(np.abs(trend.points(24) - points[100:]) <= 2 * trend.deviations(24))
    assert 0.9 <= np.mean(inside) <= 0.99


def test_deviations_grow_where_points_walk_and_hardly_where_they_lie_around_a_line():
    noise = np.random.default_rng(0).normal(size=200)
    walk = LinearTrend(np.cumsum(noise)).deviations(25)
    around = LinearTrend(np.arange(200) + noise).deviations(25)
    assert walk[24] > 3 * walk[0]
    assert around[24] < 1.3 * around[0]
