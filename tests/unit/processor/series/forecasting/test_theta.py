from __future__ import annotations

import numpy as np
import pytest
from statsmodels.tsa.forecasting.theta import ThetaModel

from services.processor.series.forecasting.theta import Theta

COUNT = 120


def series(seed: int, season: int, offset: float) -> np.ndarray:
    random = np.random.default_rng(seed)
    pattern = np.resize(random.normal(0, 4, season), COUNT) if season > 1 else 0
    return offset + np.cumsum(random.normal(0.1, 1, COUNT)) + pattern + random.normal(0, 1, COUNT)


@pytest.mark.parametrize("season", [1, 7, 12])
@pytest.mark.parametrize("offset", [-20.0, 60.0])
def test_it_is_the_forecast_of_statsmodels(season, offset):
    for seed in range(5):
        points = series(seed, season, offset)
        kind = "multiplicative" if np.min(points) > 0 else "additive"
        model = ThetaModel(points, period=season, deseasonalize=season > 1, use_test=False, method=kind)
        np.testing.assert_allclose(Theta(points, season).points(24), model.fit().forecast(24), atol=0.05)


def test_a_line_goes_on_at_half_its_slope_and_a_season_stays():
    line = 100 + np.arange(60.0)
    np.testing.assert_allclose(Theta(line, 1).points(10), 159 + 0.5 * np.arange(1, 11))
    season = np.resize([1.0, 2, 3], 60)
    np.testing.assert_allclose(Theta(season, 3).points(6), [1, 2, 3, 1, 2, 3], rtol=1e-9)


def test_two_deviations_hold_nearly_all_of_the_future():
    inside = []
    for seed in range(24):
        points = series(seed, 12, 60.0)
        theta = Theta(points[:-12], 12)
        inside.append(np.abs(theta.points(12) - points[-12:]) <= 2 * theta.deviations(12))
    assert np.mean(inside) >= 0.88
