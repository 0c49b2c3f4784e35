from __future__ import annotations

import math
import statistics
from collections.abc import Callable
from random import Random

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from services.processor.drops.parsing.statistics import compute_statistics

Points = NDArray[np.float64]
FINITE = st.floats(allow_nan=False, allow_infinity=False)


def of(*values: float) -> Points:
    return np.array(values, np.float64)


def standard_library(points: Points) -> tuple[float, float, float | None]:
    """What the standard library's exact fractions give: each value correctly rounded."""
    values = points.tolist()
    try:
        sample = statistics.stdev(values) if len(values) > 1 else None
    except OverflowError:
        sample = None
    return statistics.mean(values), statistics.pstdev(values), sample


def test_a_known_measurement() -> None:
    result = compute_statistics(of(2, 4, 4, 4, 5, 5, 7, 9))
    assert (result.count, result.mean, result.population_stddev) == (8, 5.0, 2.0)
    assert result.sample_stddev == pytest.approx(2.138089935299395, rel=1e-15)
    assert (result.min, result.max) == (2.0, 9.0)


def test_one_point_has_no_sample_deviation() -> None:
    result = compute_statistics(of(0.1))
    assert (result.mean, result.population_stddev, result.sample_stddev) == (0.1, 0.0, None)


def test_no_points_have_no_statistics() -> None:
    with pytest.raises(ValueError, match="no points"):
        compute_statistics(of())


@pytest.mark.parametrize("count", [2, 1000])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_points_that_are_not_finite_are_refused(count: int, value: float) -> None:
    with pytest.raises((ValueError, OverflowError)):
        compute_statistics(of(*[1.0] * (count - 1), value))


@given(st.lists(FINITE, min_size=1, max_size=40))
@example([1e308, 1e308, 1e308])
@example([1.7e308, -1.7e308])
@example([5e-324, 0.0, -5e-324, 1e-310])
@example([1e308, -1e308, 5e-324])
@example([0.1] * 7)
@example([1e9, 1e9 + 1e-7, 1e9])
def test_few_points_agree_with_the_standard_library_to_the_last_bit(values: list[float]) -> None:
    result = compute_statistics(of(*values))
    computed = (result.mean, result.population_stddev, result.sample_stddev)
    assert computed == standard_library(of(*values))
    assert (result.count, result.min, result.max) == (len(values), min(values), max(values))


@given(st.lists(FINITE, min_size=1, max_size=20), st.integers(300, 400))
def test_many_points_agree_with_the_standard_library_to_the_last_bit(values: list[float], count: int) -> None:
    points = np.resize(of(*values), count)
    result = compute_statistics(points)
    computed = (result.mean, result.population_stddev, result.sample_stddev)
    assert computed == standard_library(points)


@given(st.lists(FINITE, min_size=2, max_size=60), st.integers(1, 10), st.randoms(use_true_random=False))
def test_the_order_of_the_points_changes_no_bit(values: list[float], times: int, chance: Random) -> None:
    values *= times
    shuffled = values.copy()
    chance.shuffle(shuffled)
    assert repr(compute_statistics(of(*shuffled))) == repr(compute_statistics(of(*values)))


def test_zeros_are_positive_whatever_stood_first() -> None:
    for points in (of(0.0, -0.0), of(-0.0, 0.0), np.full(1000, -0.0)):
        result = compute_statistics(points)
        assert [math.copysign(1, value) for value in (result.mean, result.min, result.max)] == [1, 1, 1]


def test_a_sample_deviation_beyond_float64_is_absent() -> None:
    result = compute_statistics(of(1.7e308, -1.7e308))
    assert result.sample_stddev is None
    assert result.population_stddev == 1.7e308


def test_points_that_stand_apart_in_memory_are_read_as_they_are() -> None:
    points = np.arange(2000, dtype=np.float64)
    assert compute_statistics(points[::2]) == compute_statistics(points[::2].copy())


MILLION = 1_000_000
# The points, and the power of two that brings them where fsum does not overflow and squares do not vanish.
MILLIONS: dict[str, tuple[Callable[[np.random.Generator], Points], int]] = {
    "normal": (lambda chance: chance.normal(size=MILLION), 0),
    "1e9 and small noise": (lambda chance: 1e9 + 1e-3 * chance.normal(size=MILLION), 0),
    "1e308": (lambda chance: 1e308 * (1 + 0.5 * chance.random(MILLION)), -1000),
    "subnormal": (lambda chance: 1e-310 * chance.random(MILLION), 1000),
    "integers": (lambda chance: chance.integers(-1000, 1000, MILLION).astype(np.float64), 0),
    "a sum near zero": (lambda chance: np.sin(np.arange(-MILLION // 2, MILLION // 2, dtype=np.float64)), 0),
}


@pytest.mark.parametrize("name", MILLIONS)
def test_a_million_points_are_right_to_a_trillionth_against_fsum(name: str) -> None:
    make, power = MILLIONS[name]
    points = make(np.random.default_rng(1))
    scaled = np.ldexp(points, power)
    mean = math.fsum(scaled) / MILLION
    centred = scaled - mean
    spread = math.fsum(centred * centred) - math.fsum(centred) ** 2 / MILLION
    result = compute_statistics(points)
    sample = result.sample_stddev
    assert sample is not None
    assert math.ldexp(result.mean, power) == pytest.approx(mean, rel=1e-12, abs=0)
    deviation = math.ldexp(result.population_stddev, power)
    assert deviation == pytest.approx(math.sqrt(spread / MILLION), rel=1e-12, abs=0)
    assert math.ldexp(sample, power) == pytest.approx(math.sqrt(spread / (MILLION - 1)), rel=1e-12, abs=0)
    assert (result.count, result.min, result.max) == (MILLION, float(points.min()), float(points.max()))
