from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from services.common.media.vocabulary import Sound
from services.processor.video.encoding.disguise import Samples, disguise_of

RATE = 48_000
TIME = np.arange(2 * RATE) / RATE
CHANGED = (Sound.DISTORT, Sound.BEEP)


def voice(pitch: float, seed: int = 1) -> Samples:
    """A buzz with its overtones, which comes and goes."""
    overtones = sum(np.sin(2 * np.pi * pitch * number * TIME) / number for number in range(1, 12))
    loudness = (np.sin(2 * np.pi * 1.5 * TIME) > 0) * 0.2
    hiss = np.random.default_rng(seed).normal(0, 1e-4, (2, len(TIME)))
    return (overtones * loudness + hiss).astype(np.float32)


def changed(sound: Sound, samples: Samples, piece: int = 1024) -> Samples:
    disguise = disguise_of(sound, RATE, len(samples))
    assert disguise is not None
    pieces = [samples[:, at : at + piece] for at in range(0, samples.shape[1], piece)]
    return np.hstack([disguise.change(one) for one in pieces])


def loudness(samples: Samples) -> NDArray[np.float64]:
    """In pieces of a twentieth of a second."""
    return np.sqrt(np.square(samples[0].astype(np.float64)).reshape(-1, RATE // 20).mean(axis=1))


def strongest_hertz(samples: Samples) -> float:
    spectrum = np.abs(np.fft.rfft(samples[0] * np.hanning(samples.shape[1])))
    return float(np.fft.rfftfreq(samples.shape[1], 1 / RATE)[spectrum.argmax()])


def tonality(samples: Samples) -> float:
    """How far one frequency stands out of those around."""
    spectrum = np.abs(np.fft.rfft(samples[0] * np.hanning(samples.shape[1])))
    return float(spectrum.max() / spectrum[spectrum > 0].mean())


@pytest.mark.parametrize("sound", CHANGED)
@pytest.mark.parametrize("piece", [1024, 333, 48_000])
def test_as_many_samples_come_out_as_go_in(sound: Sound, piece: int) -> None:
    result = changed(sound, voice(120), piece)
    assert result.shape == (2, len(TIME))
    assert result.dtype == np.float32
    assert np.abs(result).max() <= 1


@pytest.mark.parametrize("sound", CHANGED)
def test_a_sound_comes_out_the_same_every_time(sound: Sound) -> None:
    assert np.array_equal(changed(sound, voice(120)), changed(sound, voice(120)))


def test_sound_that_stays_or_goes_needs_no_disguise() -> None:
    assert disguise_of(Sound.KEEP, RATE, 2) is disguise_of(Sound.DROP, RATE, 2) is None


def test_a_beep_is_one_tone_whoever_speaks() -> None:
    low, high = changed(Sound.BEEP, voice(90)), changed(Sound.BEEP, voice(210, seed=2))
    assert np.array_equal(low, high)
    assert strongest_hertz(low) == pytest.approx(1000, abs=2)


def test_a_beep_ends_with_the_sound() -> None:
    spoken = voice(120)
    spoken[:, RATE:] = 0
    levels = loudness(changed(Sound.BEEP, spoken))
    assert levels[:5].min() > 0.05
    assert levels[30:].max() == 0


def test_noise_follows_the_loudness_and_has_no_pitch() -> None:
    spoken = voice(120)
    result = changed(Sound.DISTORT, spoken)
    # It comes 20 ms later.
    assert np.corrcoef(loudness(spoken)[:-1], loudness(result)[1:])[0, 1] > 0.5
    assert loudness(result)[3:10].mean() == pytest.approx(loudness(spoken)[3:10].mean(), rel=0.4)
    assert tonality(result) < tonality(spoken) / 5
    assert loudness(changed(Sound.DISTORT, np.zeros((2, RATE), np.float32))).max() == 0
