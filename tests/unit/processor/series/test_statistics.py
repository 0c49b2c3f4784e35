from __future__ import annotations

import math
from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import stats

from services.processor.series.statistics import BLOCK_POINTS, Metrics, compute_metrics

CLOSE = 1e-12
SIGNALS = {
    "noise": np.random.default_rng(1).normal(size=10_000),
    "sine": np.sin(np.linspace(0, 60, 5000)),
    "constant": np.full(100, 3.25),
    "two points": np.array([1.0, 4.0]),
    "huge offset": 1e9 + np.random.default_rng(2).normal(size=5000),
    "one point": np.array([2.5]),
    "more than a block": np.random.default_rng(4).normal(3, 2, size=BLOCK_POINTS * 2 + 17),
    "negative": -np.random.default_rng(3).exponential(size=4000),
}


def close(value: float | None, expected: float) -> bool:
    return value is not None and math.isclose(value, expected, rel_tol=CLOSE, abs_tol=CLOSE * abs(expected))


@pytest.mark.parametrize("name", SIGNALS)
def test_metrics_are_those_of_numpy_and_scipy(name):
    points = SIGNALS[name]
    metrics = compute_metrics(points)
    assert metrics is not None
    rms, magnitude = float(np.sqrt(np.mean(points**2))), float(np.mean(np.abs(points)))
    assert metrics.count == len(points)
    assert close(metrics.mean, float(np.mean(points)))
    assert close(metrics.stddev_population, float(np.std(points)))
    assert close(metrics.rms, rms)
    assert close(metrics.energy, float(np.sum(points**2)))
    assert (metrics.min, metrics.max) == (float(np.min(points)), float(np.max(points)))
    assert close(metrics.peak_to_peak, float(np.ptp(points)))
    assert close(metrics.crest_factor, float(np.max(np.abs(points))) / rms)
    assert close(metrics.shape_factor, rms / magnitude)
    assert close(metrics.impulse_factor, float(np.max(np.abs(points))) / magnitude)
    assert dict(metrics.percentiles)[50.0] == float(np.median(points))
    if len(points) > 1:
        assert close(metrics.stddev_sample, float(np.std(points, ddof=1)))
        assert close(metrics.trend_slope, float(stats.linregress(np.arange(len(points)), points).slope)) or name in {
            "noise",
            "constant",
        }
    if np.ptp(points) > 0:
        assert close(metrics.skewness, float(stats.skew(points))) or name == "two points"
        assert close(metrics.kurtosis_excess, float(stats.kurtosis(points)))


def test_the_slope_is_that_of_the_least_squares_line():
    positions = np.arange(1000, dtype=np.float64)
    metrics = compute_metrics(5 + 0.25 * positions, positions * 0.5)
    assert metrics is not None
    assert metrics.trend_slope == pytest.approx(0.5, rel=CLOSE)


def test_the_slope_over_nanoseconds_since_the_epoch_is_per_second():
    times_ns = 1_700_000_000_123_456_789 + np.arange(1000) * 500_000_000
    metrics = compute_metrics(5 + 0.25 * np.arange(1000), times_ns, 1e9)
    assert metrics is not None
    assert metrics.trend_slope == pytest.approx(0.5, rel=CLOSE)


def test_what_is_not_defined_is_left_out():
    metrics = compute_metrics(np.full(10, 2.0))
    assert metrics is not None
    assert metrics.skewness is metrics.kurtosis_excess is metrics.autocorrelation_lag_1 is None
    one = compute_metrics(np.array([1.0]))
    assert one is not None
    assert one.stddev_sample is one.trend_slope is one.zero_crossing_rate is None


def test_gaps_have_no_part_in_sums_and_no_neighbours():
    values = np.array([1.0, -1.0, np.nan, -3.0, 5.0])
    metrics = compute_metrics(values)
    assert metrics is not None
    assert (metrics.count, metrics.gaps) == (4, 1)
    assert metrics.mean == 0.5
    assert metrics.zero_crossing_rate == 1.0
    assert metrics.trend_slope == pytest.approx(stats.linregress([0, 1, 3, 4], [1, -1, -3, 5]).slope, rel=CLOSE)


def test_a_series_of_gaps_has_no_metrics():
    assert compute_metrics(np.array([np.nan, np.nan])) is None


def test_the_share_of_sign_changes_and_the_correlation_of_neighbours():
    alternating = np.array([1.0, -1.0] * 50)
    metrics = compute_metrics(alternating)
    assert metrics is not None
    assert metrics.zero_crossing_rate == 1.0
    assert metrics.autocorrelation_lag_1 == pytest.approx(-0.99, rel=CLOSE)


@settings(deadline=None)
@given(
    arrays.arrays(
        np.float64, st.integers(1, 60), elements=st.floats(allow_nan=False, allow_infinity=False, allow_subnormal=False)
    )
)
def test_every_finite_series_has_metrics_that_are_numbers(points):
    metrics = compute_metrics(points)
    assert metrics is not None
    for field in fields(Metrics):
        value = getattr(metrics, field.name)
        if isinstance(value, float):
            assert math.isfinite(value), field.name
    assert metrics.min <= metrics.mean <= metrics.max or metrics.mean == pytest.approx(metrics.min, rel=1e-9)
