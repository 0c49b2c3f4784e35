"""The sounds of the anonymized video: copied where MP4 holds them, else converted."""

from __future__ import annotations

import io
from fractions import Fraction
from typing import Final, Protocol

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import OutputContainer

from services.common.media.vocabulary import Sound
from services.processor.video.encoding.disguise import disguise_of
from services.processor.video.source import SoundPacket

# What players of MP4 play; the container holds more.
_PLAYED: Final = frozenset({"aac", "mp3", "opus", "ac3", "eac3", "alac", "flac"})
_ENCODER: Final = "aac"
_FEWEST_BITS_PER_SECOND: Final = 160_000
_BITS_PER_CHANNEL: Final = 80_000
_LAYOUTS: Final = {1: "mono", 2: "stereo", 3: "3.0", 4: "4.0", 5: "5.0", 6: "5.1", 8: "7.1"}
_FALLBACK_LAYOUT: Final = "stereo"
"""By the number of channels; the sound of an AVI says no more of them than that."""


class TargetSound(Protocol):
    """Takes the packets of one sound of the source in their order; raises FFmpeg's error for a damaged one."""

    warning: str
    """The difference in the result; empty where it is the same."""

    def write(self, packet: SoundPacket) -> None:
        """Adds a packet."""
        ...

    def finish(self) -> None:
        """Writes what is still held."""
        ...


def add_sound(target: OutputContainer, source: AudioStream, sound: Sound) -> TargetSound:
    """Adds a sound to the video, treated in this way."""
    name = source.codec_context.codec.canonical_name
    if sound is Sound.KEEP and name in _PLAYED and _can_be_copied(source):
        return _Copied(target, source)
    try:
        return _Converted(target, source, name, sound)
    except (av.error.FFmpegError, ValueError):
        return _LeftOut(name)


def _can_be_copied(source: AudioStream) -> bool:
    """Whether MP4 takes it as it is: some rates and layouts it does not, and some headers lack what it needs."""
    try:
        with av.open(io.BytesIO(), "w", format="mp4") as trial:
            trial.add_stream_from_template(source)
            trial.start_encoding()
    except (av.error.FFmpegError, ValueError):
        return False
    return True


class _Copied:
    def __init__(self, target: OutputContainer, source: AudioStream) -> None:
        self.warning = ""
        self._container = target
        self._stream = target.add_stream_from_template(source)
        self._last_dts: int | None = None

    def write(self, packet: SoundPacket) -> None:
        if packet.dts is None or (self._last_dts is not None and packet.dts <= self._last_dts):
            return
        self._last_dts = packet.dts
        packet.stream = self._stream
        self._container.mux(packet)

    def finish(self) -> None:
        """Holds nothing."""


class _Converted:
    def __init__(self, target: OutputContainer, source: AudioStream, name: str, sound: Sound) -> None:
        self.warning = f"the sound was converted from {name} to {_ENCODER}" if sound is Sound.KEEP else ""
        self._container = target
        layout = _LAYOUTS.get(source.channels, _FALLBACK_LAYOUT)
        self._stream = target.add_stream(_ENCODER, rate=_rate(source.sample_rate), layout=layout)
        self._stream.bit_rate = max(_FEWEST_BITS_PER_SECOND, _BITS_PER_CHANNEL * self._stream.channels)
        self._stream.codec_context.open()
        context = self._stream.codec_context
        self._disguise = disguise_of(sound, context.sample_rate, context.channels)
        self._resampler: AudioResampler | None = None
        self._resampled: tuple[str, str, int] | None = None
        self._next_pts = 0

    def write(self, packet: SoundPacket) -> None:
        for frame in packet.decode():
            kind = frame.format.name, frame.layout.name, frame.sample_rate
            if kind != self._resampled:
                self._encode(None)
                context = self._stream.codec_context
                self._resampled = kind
                self._resampler = AudioResampler(context.format, context.layout, context.sample_rate)
            self._encode(frame)

    def finish(self) -> None:
        self._encode(None)
        self._container.mux(self._stream.encode(None))

    def _encode(self, frame: AudioFrame | None) -> None:
        for resampled in self._resampler.resample(frame) if self._resampler else ():
            # A frame that needs no change comes back as it was, with its time in units of the source's container.
            rate = resampled.sample_rate
            pts = round((resampled.pts or 0) * (resampled.time_base or Fraction(1, rate)) * rate)
            # Times of a container are rounded, so one frame may seem to begin before the one before it ends.
            resampled.pts, resampled.time_base = max(pts, self._next_pts), Fraction(1, rate)
            self._next_pts = resampled.pts + resampled.samples
            self._container.mux(self._stream.encode(self._disguised(resampled)))

    def _disguised(self, frame: AudioFrame) -> AudioFrame:
        if self._disguise is None:
            return frame
        changed = self._disguise.change(np.asarray(frame.to_ndarray(), np.float32))
        disguised = AudioFrame.from_ndarray(changed, frame.format.name, frame.layout.name)
        disguised.sample_rate, disguised.pts, disguised.time_base = frame.sample_rate, frame.pts, frame.time_base
        return disguised


class _LeftOut:
    def __init__(self, name: str) -> None:
        self.warning = f"the sound was left out: {name} cannot be converted to {_ENCODER}"

    def write(self, packet: SoundPacket) -> None:
        """Writes nothing."""

    def finish(self) -> None:
        """Holds nothing."""


def _rate(rate: int) -> int:
    """The nearest rate that the encoder has, above rather than below."""
    rates = sorted(av.Codec(_ENCODER, "w").audio_rates or ())
    return next((one for one in rates if one >= rate), rates[-1])
