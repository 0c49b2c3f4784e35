"""Sounds in which no voice can be recognised. What is written depends on the sound alone."""

from __future__ import annotations

from typing import Any, Final, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from services.common.media.vocabulary import Sound

Samples: TypeAlias = NDArray[np.float32]
"""Channels x samples, from -1 to 1."""

_TONE_HERTZ: Final = 1000.0
_TONE_LEVEL: Final = 0.1
_SILENT_LEVEL: Final = 0.003
_HOLD_SECONDS: Final = 0.3
"""A beep goes on for so long after the sound, so that pauses between words are not heard."""
_RAMP_SECONDS: Final = 0.01

_HALF_WINDOW_SECONDS: Final = 0.01
_BANDS: Final = 16
_LOWEST_HERTZ, _HIGHEST_HERTZ = 80.0, 8000.0


class Disguise(Protocol):
    """Changes a sound piece by piece."""

    def change(self, samples: Samples) -> Samples:
        """Returns as many samples as it takes."""
        ...


def disguise_of(sound: Sound, rate: int, channels: int) -> Disguise | None:
    """The change that an owner asks for; None where a sound stays as it is."""
    if sound is Sound.BEEP:
        return Beep(rate)
    return Noise(rate, channels) if sound is Sound.DISTORT else None


class Beep:
    """A tone for as long as there is sound."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._done = 0
        self._hold = 0
        self._level = 0.0

    def change(self, samples: Samples) -> Samples:
        """Returns the tone, or silence."""
        count = samples.shape[1]
        if count == 0:
            return samples
        if np.sqrt(np.mean(np.square(samples))) > _SILENT_LEVEL:
            self._hold = round(_HOLD_SECONDS * self._rate)
        steps = np.arange(1, count + 1)
        ramp = steps * (_TONE_LEVEL / (_RAMP_SECONDS * self._rate))
        levels = (self._level + (ramp if self._hold > 0 else -ramp)).clip(0, _TONE_LEVEL)
        tone = np.sin(2 * np.pi * _TONE_HERTZ * ((self._done + steps) % self._rate) / self._rate)
        self._hold = max(0, self._hold - count)
        self._done += count
        self._level = float(levels[-1])
        return np.tile((levels * tone).astype(np.float32), (samples.shape[0], 1))


class Noise:
    """Noise that is as loud as the sound in each of some bands: a whisper, without pitch. It comes 20 ms later."""

    def __init__(self, rate: int, channels: int) -> None:
        self._hop = round(_HALF_WINDOW_SECONDS * rate)
        width = 2 * self._hop
        self._window = np.sin(np.pi * (np.arange(width) + 0.5) / width)
        self._band_of_bin = _bands(np.fft.rfftfreq(width, 1 / rate))
        self._bins = np.maximum(np.bincount(self._band_of_bin, minlength=_BANDS + 2), 1)
        self._random = np.random.default_rng(0)
        self._incoming = np.zeros((channels, 0), np.float32)
        self._overlap = np.zeros((channels, width))
        self._outgoing = np.zeros((channels, width), np.float32)

    def change(self, samples: Samples) -> Samples:
        """Returns the noise of what came before."""
        count = samples.shape[1]
        self._incoming = np.hstack([self._incoming, samples])
        ready = [self._outgoing]
        while self._incoming.shape[1] >= len(self._window):
            self._overlap += self._noise_of(self._incoming[:, : len(self._window)])
            ready.append(self._overlap[:, : self._hop].astype(np.float32))
            self._overlap = np.pad(self._overlap[:, self._hop :], ((0, 0), (0, self._hop)))
            self._incoming = self._incoming[:, self._hop :]
        outgoing = np.hstack(ready)
        self._outgoing = outgoing[:, count:]
        return outgoing[:, :count]

    def _noise_of(self, block: Samples) -> NDArray[np.float64]:
        power = np.square(np.abs(np.fft.rfft(block * self._window)))
        sums = [np.bincount(self._band_of_bin, channel, len(self._bins)) for channel in power]
        levels = np.sqrt(np.array(sums) / self._bins)
        # Below the lowest and above the highest band is silence.
        levels[:, [0, -1]] = 0
        phases = np.exp(2j * np.pi * self._random.random(len(self._band_of_bin)))
        return np.fft.irfft(levels[:, self._band_of_bin] * phases, len(self._window)) * self._window


def _bands(hertz: NDArray[np.floating[Any]]) -> NDArray[np.int_]:
    """The band of each frequency, from 1; 0 below the lowest one, and one more than there are above the highest."""
    edges = np.geomspace(_LOWEST_HERTZ, _HIGHEST_HERTZ, _BANDS + 1)
    return np.searchsorted(edges, hertz, side="right")
