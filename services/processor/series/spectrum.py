"""The spectrum of a channel that was sampled evenly and has no gaps.

NumPy computes it, with SciPy's definitions: importing scipy.signal takes a second and more of CPU, for which the first
metrics of a mesh would wait.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from services.processor.series.scaling import enlarged, scaled

Points = NDArray[np.float64]
FEWEST_POINTS = 8
# Segments of up to this many points; more points of a signal make the estimate steadier, not finer.
SEGMENT_POINTS = 65_536
# How many points the transforms of a moment may hold.
TRANSFORMED_POINTS = 1 << 21
# Choosing the band of an envelope looks at this many points at most.
BAND_CHOICE_POINTS = 262_144
BAND_CHOICES = (2, 3, 4, 6, 8)
# ISO 20816 judges machines by the velocity between these frequencies.
VELOCITY_LOW_HZ, VELOCITY_HIGH_HZ = 10.0, 1000.0
# How much of a unit of acceleration is one metre per second squared.
ACCELERATION_UNITS = {"m/s2": 1.0, "m/s^2": 1.0, "m/s²": 1.0, "g": 9.80665, "mm/s2": 1e-3, "mm/s^2": 1e-3}


@dataclass(frozen=True, slots=True)
class Spectrum:
    """Welch's estimate with a Hann window: `density` is power per Hz, `amplitudes` are those of sine waves."""

    frequencies_hz: Points
    density: Points
    amplitudes: Points


@dataclass(frozen=True, slots=True)
class DominantFrequency:
    """A peak of the spectrum."""

    frequency_hz: float
    amplitude: float


@dataclass(frozen=True, slots=True)
class BandPower:
    """The power between two frequencies, in squared units of the signal."""

    low_hz: float
    high_hz: float
    power: float


@dataclass(frozen=True, slots=True)
class SpectralMetrics:
    """The spectrum in a few numbers."""

    dominant: tuple[DominantFrequency, ...]
    centroid_hz: float | None
    bands: tuple[BandPower, ...]
    velocity_rms_mm_s: float | None


@dataclass(frozen=True, slots=True)
class Envelope:
    """The spectrum of a signal's envelope, and the band that the envelope was taken of."""

    spectrum: Spectrum
    low_hz: float
    high_hz: float


def power_spectrum(points: Points, sample_rate_hz: float, segment_points: int = SEGMENT_POINTS) -> Spectrum:
    """Returns Welch's estimate: Hann window, half overlap, the mean of each segment removed."""
    small, exponent = scaled(points)
    return _enlarged(_power_spectrum(small, sample_rate_hz, segment_points), exponent)


def _enlarged(spectrum: Spectrum, exponent: int) -> Spectrum:
    density, amplitudes = enlarged(spectrum.density, 2 * exponent), enlarged(spectrum.amplitudes, exponent)
    return Spectrum(spectrum.frequencies_hz, density, amplitudes)


def _power_spectrum(points: Points, sample_rate_hz: float, segment_points: int = SEGMENT_POINTS) -> Spectrum:
    length = min(len(points), segment_points)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)
    frequencies, density = _welch(points, sample_rate_hz, window)
    # From power per Hz to the squared amplitude of a sine wave at that frequency.
    per_bin = sample_rate_hz * np.sum(window**2) / np.sum(window) ** 2
    return Spectrum(frequencies, density, np.sqrt(2 * density * per_bin))


def _welch(points: Points, sample_rate_hz: float, window: Points) -> tuple[Points, Points]:
    """Welch's estimate, the transforms of some segments in memory at a time."""
    length = len(window)
    step = length - length // 2
    segments = (len(points) - length) // step + 1
    at_once = max(1, TRANSFORMED_POINTS // length)
    total: Points = np.zeros(length // 2 + 1)
    for first in range(0, segments, at_once):
        count = min(at_once, segments - first)
        part = points[first * step : (first + count - 1) * step + length]
        each = sliding_window_view(part, length)[::step]
        transforms = np.fft.rfft((each - np.mean(each, axis=1, keepdims=True)) * window)
        total += np.sum(transforms.real**2 + transforms.imag**2, axis=0)
    # Negative frequencies hold as much as positive ones; those that are their own counterparts are there once.
    total[1 : (length + 1) // 2] *= 2
    density = total / (segments * sample_rate_hz * np.sum(window**2))
    return np.fft.rfftfreq(length, 1 / sample_rate_hz).astype(np.float64, copy=False), density


def spectral_metrics(points: Points, sample_rate_hz: float, unit: str = "", peaks: int = 5) -> SpectralMetrics:
    """Returns the highest peaks, the centroid, the power in quarters of the spectrum, and the velocity."""
    small, exponent = scaled(points)
    spectrum = _power_spectrum(small, sample_rate_hz)
    total = float(np.sum(spectrum.density))
    edges = np.linspace(0, sample_rate_hz / 2, 5)
    scale = ACCELERATION_UNITS.get(unit.strip())
    velocity = None if scale is None else _velocity_rms(spectrum, scale)
    bands = [band_power(spectrum, low, high) for low, high in pairwise(edges)]
    powers = enlarged(np.array([band.power for band in bands]), 2 * exponent).tolist()
    return SpectralMetrics(
        dominant=dominant_frequencies(_enlarged(spectrum, exponent), peaks),
        centroid_hz=float(np.dot(spectrum.frequencies_hz, spectrum.density)) / total if total > 0 else None,
        bands=tuple(replace(band, power=power) for band, power in zip(bands, powers, strict=True)),
        velocity_rms_mm_s=None if velocity is None else float(enlarged(np.array(velocity), exponent)),
    )


def dominant_frequencies(spectrum: Spectrum, count: int) -> tuple[DominantFrequency, ...]:
    """Returns the highest peaks, the highest first; a parabola through three bins places each between them."""
    heights = spectrum.amplitudes
    found = local_maxima(heights)
    highest = found[np.argsort(heights[found])[::-1][:count]]
    step = float(spectrum.frequencies_hz[1] - spectrum.frequencies_hz[0]) if len(heights) > 1 else 0.0
    peaks = []
    for at in highest:
        before, here, after = (float(height) for height in heights[at - 1 : at + 2])
        bend = before - 2 * here + after
        shift = 0.5 * (before - after) / bend if bend != 0 else 0.0
        top = here - 0.25 * (before - after) * shift
        peaks.append(DominantFrequency(float(spectrum.frequencies_hz[at]) + shift * step, top))
    return tuple(peaks)


def local_maxima(heights: Points) -> NDArray[np.intp]:
    """Where a height, or a run of equal heights, is above its neighbours; of a run its middle."""
    ends = np.append(np.flatnonzero(heights[1:] != heights[:-1]), len(heights) - 1)
    starts = np.append(0, ends[:-1] + 1)
    level = heights[starts]
    above = np.flatnonzero((level[1:-1] > level[:-2]) & (level[1:-1] > level[2:])) + 1
    middles: NDArray[np.intp] = (starts[above] + ends[above]) // 2
    return middles


def band_power(spectrum: Spectrum, low_hz: float, high_hz: float) -> BandPower:
    """Returns the power of the bins from `low_hz` up to, and without, `high_hz`; the last band holds its end."""
    frequencies = spectrum.frequencies_hz
    last = high_hz >= frequencies[-1]
    inside = (frequencies >= low_hz) & ((frequencies <= high_hz) if last else (frequencies < high_hz))
    step = float(frequencies[1] - frequencies[0]) if len(frequencies) > 1 else 0.0
    return BandPower(float(low_hz), float(high_hz), float(np.sum(spectrum.density[inside])) * step)


def envelope_spectrum(
    points: Points, sample_rate_hz: float, low_hz: float | None = None, high_hz: float | None = None
) -> Envelope:
    """Returns the spectrum of the envelope of a band; without limits, of the band whose envelope is most impulsive.

    A damaged bearing rings at a resonance with each impact: the envelope shows how often it is hit.
    """
    small, exponent = scaled(points)
    if low_hz is None or high_hz is None:
        low_hz, high_hz = _most_impulsive_band(small[:BAND_CHOICE_POINTS], sample_rate_hz)
    envelope = _envelope(np.fft.fft(small), sample_rate_hz, low_hz, high_hz)
    return Envelope(_enlarged(_power_spectrum(envelope, sample_rate_hz), exponent), low_hz, high_hz)


def _envelope(transform: NDArray[np.complex128], sample_rate_hz: float, low_hz: float, high_hz: float) -> Points:
    """The magnitude of the analytic signal of one band."""
    frequencies = np.fft.fftfreq(len(transform), 1 / sample_rate_hz)
    band = np.where((frequencies >= low_hz) & (frequencies < high_hz), 2 * transform, 0)
    magnitude: Points = np.abs(np.fft.ifft(band))
    return magnitude


def _most_impulsive_band(points: Points, sample_rate_hz: float) -> tuple[float, float]:
    """The band, of the halves, thirds … and eighths of the spectrum, whose envelope has the highest kurtosis."""
    transform = np.fft.fft(points)
    best, chosen = -np.inf, (0.0, sample_rate_hz / 2)
    for parts in BAND_CHOICES:
        edges = np.linspace(0, sample_rate_hz / 2, parts + 1)
        # The lowest band holds the shaft and its harmonics, which modulate nothing.
        for low, high in pairwise(edges[1:]):
            envelope = _envelope(transform, sample_rate_hz, float(low), float(high))
            deviations = (envelope - np.mean(envelope)) ** 2
            variance = float(np.mean(deviations))
            kurtosis = float(np.mean(deviations**2)) / variance**2 if variance > 0 else 0.0
            if kurtosis > best:
                best, chosen = kurtosis, (float(low), float(high))
    return chosen


def _velocity_rms(spectrum: Spectrum, metres_per_second_squared: float) -> float | None:
    """The RMS velocity of an acceleration: its spectrum divided by the square of the angular frequency."""
    frequencies = spectrum.frequencies_hz
    inside = (frequencies >= VELOCITY_LOW_HZ) & (frequencies <= VELOCITY_HIGH_HZ)
    if not np.any(inside):
        return None
    step = float(frequencies[1] - frequencies[0])
    power = np.sum(spectrum.density[inside] / (2 * np.pi * frequencies[inside]) ** 2) * step
    return float(np.sqrt(power)) * metres_per_second_squared * 1000
