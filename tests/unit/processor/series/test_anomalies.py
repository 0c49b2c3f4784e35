from __future__ import annotations

import numpy as np
import pytest

from services.processor.series.anomalies import find_anomalies
from services.processor.series.forecast import TooShort


def seasonal(count: int) -> np.ndarray:
    positions = np.arange(count)
    noise = np.random.default_rng(5).normal(0, 1, count)
    return 50 + 10 * np.sin(2 * np.pi * positions / 24) + noise


def test_a_spike_and_a_drop_are_found_where_they_are():
    points = seasonal(480)
    points[200] += 15
    points[350] -= 15
    found = {anomaly.index: anomaly for anomaly in find_anomalies(points)}
    assert {200, 350} <= set(found)
    assert len(found) <= 5
    assert found[200].score > 8
    assert found[200].value > found[200].upper
    assert found[350].value < found[350].lower


def test_a_long_series_is_followed_to_its_end():
    points = seasonal(5000)
    points[4990] += 20
    assert 4990 in [anomaly.index for anomaly in find_anomalies(points)]


def test_a_quiet_series_has_few():
    assert len(find_anomalies(seasonal(1000), level=0.999)) <= 6


def test_a_constant_series_has_none():
    assert find_anomalies(np.full(50, 4.0)) == []


def test_gaps_are_none_and_keep_their_places():
    points = seasonal(240)
    points[:3] = np.nan
    points[100] = np.nan
    points[150] += 20
    found = [anomaly.index for anomaly in find_anomalies(points)]
    assert 150 in found
    assert 100 not in found


def test_too_few_points_are_refused():
    with pytest.raises(TooShort):
        find_anomalies(np.arange(5.0))
