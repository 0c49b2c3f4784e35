"""Mean, both standard deviations, count, min and max of float64 points, each the correctly rounded exact value.

The sums of the points and of their squares are kept as exact integers (a float64 is an integer times a power of two),
and each result is rounded once, at the end. So nothing depends on order, vector width or machine, nothing overflows
or cancels on the way, and a recomputation agrees to the last bit by definition.
Figures: docs/decisions/exact-statistics.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isqrt

import numpy as np
from numpy.typing import NDArray

# Below this, Python's integers are faster than NumPy's passes; the result is the same either way.
_FEW_POINTS = 256

_MANTISSA_BITS = 52
# Both the mask of the exponent and the number of finite exponents: 0 to 2046.
_EXPONENT_BINS = 2047
_LIMB_BITS = 18
_LIMB_MASK = (1 << _LIMB_BITS) - 1
# 2^15 products below 3 * 2^36 stay below 2^53, where float64, in which bincount sums, is still exact.
_CHUNK_POINTS = 1 << 15
# int64 totals of sums below 2^53 hold for 2^10 chunks.
_BLOCK_POINTS = _CHUNK_POINTS << 9
# A float64 in its smallest unit, 2^-1074, is an integer.
_SMALLEST_UNIT_BITS = 1074


# Neither this nor _Moments is ever changed or frozen: each measurement makes both, and a frozen one takes
# longer.
@dataclass(slots=True)
class Statistics:
    """The aggregate of one measurement's points; zeros are positive."""

    count: int
    mean: float
    population_stddev: float
    # None for a single point, and where it lies beyond float64 (points near both ends of its range).
    sample_stddev: float | None
    min: float
    max: float


@dataclass(slots=True)
class _Moments:
    """The exact sums: of the points in units of 2^-unit_bits, of their squares in that unit's square."""

    total: int
    squares: int
    unit_bits: int


def compute_statistics(points: NDArray[np.float64]) -> Statistics:
    """Return the statistics of one or more finite points; ValueError or OverflowError where they are not that."""
    count = len(points)
    if count == 0:
        raise ValueError("the statistics of no points are not defined")
    low: float
    high: float
    if count < _FEW_POINTS:
        values: list[float] = points.tolist()
        moments = _moments_of_few(values)
        low, high = min(values), max(values)
    else:
        moments = _moments_of_many(points)
        low, high = float(points.min()), float(points.max())
    # n * sum(x^2) - sum(x)^2 is n^2 times the population variance.
    spread = count * moments.squares - moments.total * moments.total
    scale = 2 * moments.unit_bits
    return Statistics(
        count=count,
        mean=moments.total / (count << moments.unit_bits),
        population_stddev=_square_root(spread, (count * count) << scale),
        sample_stddev=_sample_stddev(spread, count, scale),
        # Which zero is the least of 0.0 and -0.0 depends on the order of the points: there is only 0.0.
        min=low + 0.0,
        max=high + 0.0,
    )


def _sample_stddev(spread: int, count: int, scale: int) -> float | None:
    if count == 1:
        return None
    try:
        return _square_root(spread, (count * (count - 1)) << scale)
    except OverflowError:
        return None


def _square_root(numerator: int, denominator: int) -> float:
    """Return the correctly rounded square root of a fraction, or raise OverflowError where no float64 is near."""
    if numerator == 0:
        return 0.0
    # At least 2^112 below the root leaves it 56 bits, three more than a float64 has, and the last one
    # made odd where anything was lost, so that the one rounding left, in the division, is the right one.
    half_shift = (114 - numerator.bit_length() + denominator.bit_length()) // 2
    if half_shift >= 0:
        numerator <<= 2 * half_shift
    else:
        denominator <<= -2 * half_shift
    root = isqrt(numerator // denominator)
    if root * root * denominator != numerator:
        root |= 1
    return root / (1 << half_shift) if half_shift >= 0 else float(root << -half_shift)


def _moments_of_few(values: list[float]) -> _Moments:
    ratios = [value.as_integer_ratio() for value in values]
    unit_bits = max([denominator for _, denominator in ratios]).bit_length() - 1
    scaled = [numerator << (unit_bits + 1 - denominator.bit_length()) for numerator, denominator in ratios]
    return _Moments(sum(scaled), sum([one * one for one in scaled]), unit_bits)


def _moments_of_many(points: NDArray[np.float64]) -> _Moments:
    total = squares = 0
    for start in range(0, len(points), _BLOCK_POINTS):
        block_total, block_squares = _sums_of_block(points[start : start + _BLOCK_POINTS])
        total += block_total
        squares += block_squares
    return _Moments(total, squares, _SMALLEST_UNIT_BITS)


def _sums_of_block(points: NDArray[np.float64]) -> tuple[int, int]:
    # Row k sums what weighs 2^(18 k): three limbs of the signed mantissas, five of their squares, by exponent.
    limbs = np.zeros((3, _EXPONENT_BINS), np.int64)
    products = np.zeros((5, _EXPONENT_BINS), np.int64)
    for start in range(0, len(points), _CHUNK_POINTS):
        bits = np.ascontiguousarray(points[start : start + _CHUNK_POINTS], np.float64).view(np.int64)
        exponents = (bits >> _MANTISSA_BITS) & _EXPONENT_BINS
        if exponents.max() == _EXPONENT_BINS:
            raise ValueError("a point is not finite")
        mantissas = bits & ((1 << _MANTISSA_BITS) - 1)
        mantissas |= (exponents > 0).astype(np.int64) << _MANTISSA_BITS
        low = (mantissas & _LIMB_MASK).astype(np.float64)
        middle = ((mantissas >> _LIMB_BITS) & _LIMB_MASK).astype(np.float64)
        high = (mantissas >> (2 * _LIMB_BITS)).astype(np.float64)
        sign = np.where(bits < 0, -1.0, 1.0)
        for row, weights in enumerate((low, middle, high)):
            limbs[row] += _sum_by_exponent(exponents, sign * weights)
        squares = (low * low, 2 * (low * middle), 2 * (low * high) + middle * middle, 2 * (middle * high), high * high)
        for row, weights in enumerate(squares):
            products[row] += _sum_by_exponent(exponents, weights)
    return _weigh(limbs, shift_per_exponent=1), _weigh(products, shift_per_exponent=2)


def _sum_by_exponent(exponents: NDArray[np.int64], weights: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.bincount(exponents, weights, _EXPONENT_BINS).astype(np.int64)


def _weigh(sums: NDArray[np.int64], shift_per_exponent: int) -> int:
    total = 0
    for exponent in np.flatnonzero(sums.any(axis=0)).tolist():
        column = sum(value << (_LIMB_BITS * row) for row, value in enumerate(sums[:, exponent].tolist()))
        # Subnormals (exponent 0) have the unit of exponent 1.
        total += column << (shift_per_exponent * max(exponent - 1, 0))
    return total
