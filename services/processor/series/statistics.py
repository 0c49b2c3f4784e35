"""The metrics of one channel of a series that need no sample rate.

A gap is a NaN: it has no part in any sum, and what compares neighbours skips pairs that hold one.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
# A block fits into the processor's cache, and the BLAS adds up more than 10,000 numbers in threads, which wait for each
# other on a busy machine.
BLOCK_POINTS = 8 * 1024
PERCENTILES = (1.0, 5.0, 25.0, 50.0, 75.0, 95.0, 99.0)


@dataclass(frozen=True, slots=True)
class Metrics:
    """None stands where a metric is not defined (the skewness of a constant) or leaves the range of float64."""

    count: int
    gaps: int
    mean: float
    stddev_population: float
    stddev_sample: float | None
    min: float
    max: float
    percentiles: tuple[tuple[float, float], ...]
    rms: float
    peak: float
    peak_to_peak: float | None
    crest_factor: float | None
    shape_factor: float | None
    impulse_factor: float | None
    skewness: float | None
    kurtosis_excess: float | None
    zero_crossing_rate: float | None
    energy: float | None
    trend_slope: float | None
    autocorrelation_lag_1: float | None


def compute_metrics(
    values: Points, times: Points | NDArray[np.int64] | None = None, times_a_second: float = 1.0
) -> Metrics | None:
    """Returns the metrics, or None where every point is a gap.

    The slope is per second with `times`, of which so many make a second, and per point without.
    """
    gaps = int(_summed(lambda part: np.count_nonzero(np.isnan(part)), values))
    if gaps == len(values):
        return None
    present = ~np.isnan(values) if gaps else None
    points = values if present is None else values[present]
    # Squares of such numbers leave float64's range; a power of two scales without rounding.
    scale = _scale(max(-float(np.min(points)), float(np.max(points))))
    if scale != 1:
        values, points = values / scale, points / scale
    count = len(points)
    mean = _summed(np.sum, points) / count
    low, high = float(np.min(points)), float(np.max(points))
    energy, peak, magnitude = _summed(_squares, points), max(-low, high), _summed(_magnitudes, points) / count
    rms = float(np.sqrt(energy / count))
    spread = _summed(lambda part: _squares(part - mean), points)
    variance = spread / count
    skewness, excess = (None, None) if low == high or variance == 0 else _shape(points, mean, variance)
    slope = _slope(points, mean, _positions(len(values), times, present))
    sample_variance = spread / (count - 1) if count > 1 else None
    return Metrics(
        count=count,
        gaps=gaps,
        mean=mean * scale,
        stddev_population=float(np.sqrt(variance)) * scale,
        stddev_sample=None if sample_variance is None else _finite(float(np.sqrt(sample_variance)) * scale),
        min=low * scale,
        max=high * scale,
        percentiles=tuple(
            (percent, float(value) * scale)
            for percent, value in zip(PERCENTILES, np.percentile(points, PERCENTILES), strict=True)
        ),
        rms=rms * scale,
        peak=peak * scale,
        peak_to_peak=_finite((high - low) * scale),
        crest_factor=_ratio(peak, rms),
        shape_factor=_ratio(rms, magnitude),
        impulse_factor=_ratio(peak, magnitude),
        skewness=skewness,
        kurtosis_excess=excess,
        zero_crossing_rate=_zero_crossing_rate(values),
        energy=_finite(energy * scale * scale),
        trend_slope=None if slope is None else _finite(slope * (1.0 if times is None else times_a_second) * scale),
        autocorrelation_lag_1=None if skewness is None else _autocorrelation(values, mean, spread),
    )


def _summed(function: Callable[..., Any], *arrays: NDArray[Any]) -> float:
    """The sum of what a function makes of each block of points."""
    starts = range(0, len(arrays[0]), BLOCK_POINTS)
    return math.fsum(function(*(array[start : start + BLOCK_POINTS] for array in arrays)) for start in starts)


def _magnitudes(part: Points) -> Any:
    return np.sum(np.abs(part))


def _squares(part: Points) -> Any:
    return np.dot(part, part)


def _shape(points: Points, mean: float, variance: float) -> tuple[float, float]:
    """The skewness and the excess kurtosis."""
    # Standardized first: the fourth powers of deviations may leave float64's range.
    deviation = np.sqrt(variance)

    def third(part: Points) -> Any:
        standardized = (part - mean) / deviation
        return np.dot(standardized * standardized, standardized)

    def fourth(part: Points) -> Any:
        return _squares(((part - mean) / deviation) ** 2)

    return _summed(third, points) / len(points), _summed(fourth, points) / len(points) - 3


def _scale(largest: float) -> float:
    """Returns a power of two to divide by, or 1 where squares and their sums stay in range."""
    exponent = int(np.frexp(largest)[1])
    return 1.0 if largest == 0 or abs(exponent) < 400 else float(np.ldexp(1.0, min(exponent, 1023)))


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None


def _ratio(dividend: float, divisor: float) -> float | None:
    return dividend / divisor if divisor > 0 else None


def _positions(count: int, times: Points | NDArray[np.int64] | None, present: NDArray[np.bool_] | None) -> NDArray[Any]:
    positions = np.arange(count, dtype=np.float64) if times is None else times
    return positions if present is None else positions[present]


def _zero_crossing_rate(values: Points) -> float | None:
    """The share of neighbouring points of which one is negative and the other is not."""

    def pairs(first: Points, second: Points) -> int:
        return len(first) - int(np.count_nonzero(np.isnan(first) | np.isnan(second)))

    def changes(first: Points, second: Points) -> int:
        is_pair = ~(np.isnan(first) | np.isnan(second))
        return int(np.count_nonzero(((first < 0) != (second < 0)) & is_pair))

    neighbours = values[:-1], values[1:]
    total = _summed(pairs, *neighbours)
    return _summed(changes, *neighbours) / total if total else None


def _slope(points: Points, mean: float, positions: NDArray[Any]) -> float | None:
    """The slope of the least-squares line."""
    if len(points) < 2:
        return None
    # Nanoseconds since the epoch are exact as differences alone.
    origin = positions[0]
    middle = _summed(lambda at: np.sum(at - origin, dtype=np.float64), positions) / len(points)

    def together(part: Points, at: NDArray[Any]) -> Any:
        return np.dot(at - origin - middle, part - mean)

    return _summed(together, points, positions) / _summed(lambda at: _squares(at - origin - middle), positions)


def _autocorrelation(values: Points, mean: float, spread: float) -> float:
    """Products of neighbours' deviations over the sum of squared deviations; a pair with a gap counts nothing."""

    def products(first: Points, second: Points) -> Any:
        return np.dot(np.nan_to_num(first - mean, nan=0.0), np.nan_to_num(second - mean, nan=0.0))

    return _summed(products, values[:-1], values[1:]) / spread
