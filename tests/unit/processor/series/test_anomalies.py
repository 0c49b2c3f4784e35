from __future__ import annotations

import math

import numpy as np
import pytest

from services.processor.series.anomalies import find_anomalies
from services.processor.series.forecasting.forecast import TooShort

COUNT = 400
SPIKES = (130, 211, 320)
SHAPES = {
    "noise": lambda at: 0 * at,
    "trend": lambda at: 0.2 * at,
    "season": lambda at: 10 * np.sin(2 * np.pi * at / 24),
    "season and trend": lambda at: 10 * np.sin(2 * np.pi * at / 20) + 0.1 * at,
    "sharp season": lambda at: 20.0 * (at % 12 == 5),
    "offset": lambda at: 1e6 + 0 * at,
}


def noise(seed: int, count: int = COUNT) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 1, count)


def seasonal(count: int) -> np.ndarray:
    return 50 + 10 * np.sin(2 * np.pi * np.arange(count) / 24) + noise(5, count)


def indices(points: np.ndarray, level: float = 0.999) -> list[int]:
    return [anomaly.index for anomaly in find_anomalies(points, level)]


@pytest.mark.parametrize("shape", SHAPES)
def test_spikes_are_found_and_little_else(shape):
    found, right = 0, 0
    for seed in range(6):
        points = SHAPES[shape](np.arange(float(COUNT))) + noise(seed)
        points[list(SPIKES)] += [12, -12, 15]
        odd = indices(points)
        found += len(odd)
        right += len(set(odd) & set(SPIKES))
    assert right == 6 * len(SPIKES)
    # At the level 0.999, of 6 times 400 points two or three are outside by chance.
    assert found - right <= 6


@pytest.mark.parametrize("season", [7, 20, 24])
def test_a_perfect_season_has_none_and_its_spike_has_no_echo(season):
    points = np.sin(2 * np.pi * np.arange(2000) / season)
    assert indices(points) == []
    points[177] += 2
    (odd,) = find_anomalies(points)
    assert odd.index == 177
    assert odd.expected == pytest.approx(points[177] - 2)


def test_a_season_between_two_points_has_no_echo_either():
    wave = np.array([round(math.sin(at / 3) + at / 500 + (at == 77) * 4, 6) for at in range(200)])
    assert indices(wave) == [77]


@pytest.mark.parametrize("seed", range(4))
def test_a_noisy_sine_has_its_spike(seed):
    points = np.sin(2 * np.pi * np.arange(200) / 20) + 0.1 * noise(seed, 200)
    points[121] += 2
    odd = indices(points)
    assert 121 in odd
    assert len(odd) <= 2


def test_a_point_is_judged_by_those_before_it():
    # The first 1000 points choose the smoothing factors.
    points = seasonal(1400)
    points[1100] += 15
    before = [odd for odd in find_anomalies(points, season=24) if odd.index < 1200]
    points[1200:] = 0
    assert 1100 in [odd.index for odd in before]
    assert [odd for odd in find_anomalies(points, season=24) if odd.index < 1200] == before


@pytest.mark.parametrize("shape", SHAPES)
def test_a_new_level_is_found_and_then_expected(shape):
    points = SHAPES[shape](np.arange(float(COUNT))) + noise(3)
    points[250:] += 25
    odd = indices(points)
    assert {250, 251} <= set(odd)
    assert len([index for index in odd if index >= 260]) <= 2


def test_a_dropout_to_zero_is_found_and_what_follows_is_expected():
    points = seasonal(400)
    points[200:204] = 0
    odd = indices(points)
    assert {200, 201, 202, 203} <= set(odd)
    assert len(odd) <= 6


def test_noise_that_becomes_stronger_is_followed():
    points = noise(2, 1000)
    points[500:] *= 10
    odd = indices(points)
    assert min(index for index in odd if index >= 500) < 510
    assert len([index for index in odd if index >= 600]) <= 4


def test_a_walk_has_its_jump():
    steps = noise(4, 500)
    steps[300] += 15
    odd = indices(np.cumsum(steps))
    assert 300 in odd
    assert len(odd) <= 6


def test_nothing_is_claimed_before_enough_is_known():
    points = noise(1, 100)
    points[5] += 50
    assert indices(points[:24]) == []
    points[60] += 50
    assert indices(points) == [60]


def test_scores_and_limits_belong_together():
    points = seasonal(480)
    points[200] += 15
    points[350] -= 15
    found = {anomaly.index: anomaly for anomaly in find_anomalies(points)}
    assert found[200].score > 8
    assert found[200].value > found[200].upper > found[200].expected > found[200].lower
    assert found[350].value < found[350].lower


def test_a_long_series_is_followed_to_its_end():
    points = seasonal(5000)
    points[4990] += 20
    assert 4990 in indices(points)


def test_as_many_are_outside_as_the_level_says():
    assert len(indices(seasonal(1000))) <= 6
    assert 20 <= len(indices(noise(8, 1000), level=0.95)) <= 80


def test_a_constant_series_has_none_but_its_spike():
    assert indices(np.full(50, 4.0)) == []
    points = np.full(200, 4.0)
    points[60] = 5
    (odd,) = find_anomalies(points)
    assert (odd.index, odd.expected) == (60, 4)
    assert math.isfinite(odd.score)


def test_gaps_are_none_and_keep_their_places():
    points = seasonal(240)
    points[:3] = np.nan
    points[100] = np.nan
    points[150] += 20
    found = indices(points)
    assert 150 in found
    assert 100 not in found


def test_too_few_points_are_refused():
    with pytest.raises(TooShort):
        find_anomalies(np.arange(5.0))
