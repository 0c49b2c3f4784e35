"""The metrics of one channel of a series that need no sample rate.

A gap is a NaN: it has no part in any sum, and what compares neighbours skips pairs that hold one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
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


def compute_metrics(values: Points, times: Points | None = None) -> Metrics | None:
    """Returns the metrics, or None where every point is a gap.

    `times` are seconds since any origin; the slope is per second with them and per point without.
    """
    present = ~np.isnan(values)
    gaps = len(values) - int(np.count_nonzero(present))
    if gaps == len(values):
        return None
    # Squares of such numbers leave float64's range; a power of two scales without rounding.
    scale = _scale(max(-float(np.nanmin(values)), float(np.nanmax(values))))
    values = values if scale == 1 else values / scale
    points = values if gaps == 0 else values[present]
    mean = float(np.mean(points))
    low, high = float(np.min(points)), float(np.max(points))
    energy, peak, magnitude = float(np.dot(points, points)), max(-low, high), float(np.mean(np.abs(points)))
    rms = float(np.sqrt(energy / len(points)))
    spread, skewness, excess = _moments(points, mean, is_constant=low == high)
    variance = spread / len(points)
    slope = _slope(points, mean, _positions(len(values), times, None if gaps == 0 else present))
    sample_variance = spread / (len(points) - 1) if len(points) > 1 else None
    return Metrics(
        count=len(points),
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
        trend_slope=None if slope is None else _finite(slope * scale),
        autocorrelation_lag_1=None if skewness is None else _autocorrelation(values, mean, spread),
    )


def _moments(points: Points, mean: float, *, is_constant: bool) -> tuple[float, float | None, float | None]:
    """The sum of squared deviations, the skewness and the excess kurtosis, with two arrays of memory."""
    deviations = points - mean
    squared = deviations * deviations
    spread = float(np.sum(squared))
    variance = spread / len(points)
    if is_constant or variance == 0:
        return spread, None, None
    # Standardized first: the fourth powers of deviations may leave float64's range.
    deviations /= np.sqrt(variance)
    np.multiply(deviations, deviations, out=squared)
    skewness = float(np.dot(squared, deviations)) / len(points)
    return spread, skewness, float(np.dot(squared, squared)) / len(points) - 3


def _scale(largest: float) -> float:
    """Returns a power of two to divide by, or 1 where squares and their sums stay in range."""
    exponent = int(np.frexp(largest)[1])
    return 1.0 if largest == 0 or abs(exponent) < 400 else float(np.ldexp(1.0, min(exponent, 1023)))


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None


def _ratio(dividend: float, divisor: float) -> float | None:
    return dividend / divisor if divisor > 0 else None


def _positions(count: int, times: Points | None, present: NDArray[np.bool_] | None) -> Points:
    positions = np.arange(count, dtype=np.float64) if times is None else times
    return positions if present is None else positions[present]


def _zero_crossing_rate(values: Points) -> float | None:
    """The share of neighbouring points of which one is negative and the other is not."""
    absent = np.isnan(values)
    pairs = ~(absent[:-1] | absent[1:])
    total = int(np.count_nonzero(pairs))
    if total == 0:
        return None
    negative = values < 0
    return int(np.count_nonzero((negative[:-1] != negative[1:]) & pairs)) / total


def _slope(points: Points, mean: float, positions: Points) -> float | None:
    """The slope of the least-squares line."""
    if len(points) < 2:
        return None
    offsets = positions - np.mean(positions)
    return float(np.dot(offsets, points - mean) / np.dot(offsets, offsets))


def _autocorrelation(values: Points, mean: float, spread: float) -> float:
    """Products of neighbours' deviations over the sum of squared deviations; a pair with a gap counts nothing."""
    deviations = values - mean
    np.nan_to_num(deviations, copy=False, nan=0.0)
    return float(np.dot(deviations[:-1], deviations[1:]) / spread)
