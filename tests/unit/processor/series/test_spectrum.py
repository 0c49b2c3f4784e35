from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import signal

from services.processor.series.spectrum import (
    TRANSFORMED_POINTS,
    Spectrum,
    band_power,
    dominant_frequencies,
    envelope_spectrum,
    power_spectrum,
    spectral_metrics,
)

RATE = 1000.0
TIMES = np.arange(20_000) / RATE
TONES = 3.0 * np.sin(2 * np.pi * 50 * TIMES) + 1.0 * np.sin(2 * np.pi * 121.7 * TIMES)


@pytest.mark.parametrize("segment", [1024, 1023, 9, 8])
def test_the_density_is_scipys(segment, monkeypatch):
    points = TONES + np.random.default_rng(segment).normal(0, 0.1, len(TONES))
    frequencies, density = signal.welch(points, RATE, window="hann", nperseg=segment)
    for at_once in (TRANSFORMED_POINTS, 3 * segment):
        monkeypatch.setattr("services.processor.series.spectrum.TRANSFORMED_POINTS", at_once)
        spectrum = power_spectrum(points, RATE, segment)
        assert np.array_equal(spectrum.frequencies_hz, frequencies)
        # The mean of a segment is taken out of it: nearly nothing of that bin is left, but rounding.
        np.testing.assert_allclose(spectrum.density, density, rtol=1e-12, atol=1e-12 * density.max())


@given(st.lists(st.integers(0, 1000), min_size=5, max_size=40, unique=True))
def test_peaks_are_where_scipy_finds_them(heights):
    amplitudes = np.array(heights, dtype=float)
    found = dominant_frequencies(Spectrum(np.arange(len(amplitudes), dtype=float), amplitudes, amplitudes), 40)
    assert sorted(round(peak.frequency_hz) for peak in found) == signal.find_peaks(amplitudes)[0].tolist()


def test_a_run_of_equal_heights_is_one_peak_and_one_at_the_edge_is_none():
    amplitudes = np.array([3.0, 1, 2, 2, 2, 0, 4, 4, 5])
    (peak,) = dominant_frequencies(Spectrum(np.arange(9.0), amplitudes, amplitudes), 9)
    assert (peak.frequency_hz, peak.amplitude) == (3, 2)


def test_the_highest_peaks_are_the_tones_with_their_amplitudes():
    first, second = dominant_frequencies(power_spectrum(TONES, RATE), 2)
    assert first.frequency_hz == pytest.approx(50, abs=0.05)
    assert first.amplitude == pytest.approx(3, rel=0.02)
    assert second.frequency_hz == pytest.approx(121.7, abs=0.05)
    assert second.amplitude == pytest.approx(1, rel=0.1)


def test_the_bands_share_the_power_of_the_signal():
    metrics = spectral_metrics(TONES, RATE)
    assert sum(band.power for band in metrics.bands) == pytest.approx(np.var(TONES), rel=0.01)
    assert metrics.bands[0].power == pytest.approx(5.0, rel=0.01)
    assert metrics.centroid_hz == pytest.approx((50 * 4.5 + 121.7 * 0.5) / 5, rel=0.02)
    assert band_power(power_spectrum(TONES, RATE), 40, 60).power == pytest.approx(4.5, rel=0.01)


@pytest.mark.parametrize(("unit", "factor"), [("m/s2", 1.0), ("g", 9.80665)])
def test_the_velocity_is_the_integral_of_an_acceleration(unit, factor):
    acceleration = 2.0 * np.sin(2 * np.pi * 80 * TIMES)
    expected = factor * 2.0 / (2 * np.pi * 80) / np.sqrt(2) * 1000
    assert spectral_metrics(acceleration, RATE, unit).velocity_rms_mm_s == pytest.approx(expected, rel=0.01)
    assert spectral_metrics(acceleration, RATE, "V").velocity_rms_mm_s is None


def test_silence_has_no_centroid_and_no_peaks():
    metrics = spectral_metrics(np.zeros(100), RATE)
    assert metrics.centroid_hz is None
    assert metrics.dominant == ()


@pytest.mark.parametrize("factor", [1e-300, 1e307])
def test_amplitudes_follow_the_unit_and_no_number_leaves_its_range(factor):
    of_points, of_envelope = power_spectrum(TONES, RATE), envelope_spectrum(TONES, RATE, 40, 130).spectrum
    metrics, expected = spectral_metrics(TONES * factor, RATE), spectral_metrics(TONES, RATE)
    found = power_spectrum(TONES * factor, RATE), envelope_spectrum(TONES * factor, RATE, 40, 130).spectrum
    for spectrum, usual in zip(found, (of_points, of_envelope), strict=True):
        np.testing.assert_allclose(spectrum.amplitudes / factor, usual.amplitudes, atol=1e-9)
        assert np.isfinite(spectrum.density).all()
    assert metrics.centroid_hz == pytest.approx(expected.centroid_hz)
    assert metrics.dominant[0].amplitude / factor == pytest.approx(expected.dominant[0].amplitude)
    assert np.isfinite([band.power for band in metrics.bands]).all()


@pytest.mark.parametrize("seed", range(100))
def test_the_envelope_shows_how_often_a_damaged_bearing_is_hit(seed):
    random = np.random.default_rng(seed)
    rate, fault = 12_000.0, random.uniform(40, 180)
    times = np.arange(24_000) / rate
    ringing = np.exp(-800 * times[:100]) * np.sin(2 * np.pi * random.uniform(2500, 5000) * times[:100])
    points = random.normal(0, 0.3, len(times)) + 1.5 * np.sin(2 * np.pi * random.uniform(15, 30) * times)
    for hit in (np.arange(random.uniform(0, 0.01), times[-200], 1 / fault) * rate).astype(int):
        points[hit : hit + 100] += ringing
    spectrum = envelope_spectrum(points, rate).spectrum
    # The first overtone may be as high as the fault's own frequency.
    found = [peak.frequency_hz for peak in dominant_frequencies(spectrum, 2)]
    assert any(frequency == pytest.approx(fault, abs=0.5) for frequency in found)
