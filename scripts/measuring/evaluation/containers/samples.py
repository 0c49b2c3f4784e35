"""Writes a short video of a combination: a square that wanders, and a tone of 440 Hz."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Final, cast

import av
import numpy as np
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.video.reformatter import ColorPrimaries, Colorspace, ColorTrc
from av.video.stream import VideoStream
from numpy.typing import NDArray

from scripts.measuring.evaluation.containers.combinations import Combination, Sound

FRAMES: Final = 24
FRAME_SECONDS: Final = Fraction(1, 30)
TONE_HZ: Final = 440.0
_LEVEL: Final = 8000
_SOUND_BIT_RATE: Final = 96_000
_STRICTNESS: Final = "experimental"


def write_sample(path: Path, combination: Combination) -> float:
    """Writes the video and returns the seconds of its tone."""
    times = combination.times or range(FRAMES)
    seconds = float((times[-1] + 1) * FRAME_SECONDS)
    movflags = "+frag_keyframe+empty_moov" if combination.is_fragmented else "+faststart"
    # Else an AVI has gaps between its first frames, for the sake of sound that begins before 0.
    options = {"avi": {"avoid_negative_ts": "disabled"}, "mp4": {"movflags": movflags}, "mov": {"movflags": movflags}}
    with (
        _own_priority(),
        av.open(str(path), "w", options={"strict": _STRICTNESS, **options.get(combination.container, {})}) as container,
    ):
        pictures = _pictures(container, combination)
        sounds = [_sound(container, one) for one in combination.sounds]
        for number, time in enumerate(times[:FRAMES]):
            frame = av.VideoFrame.from_ndarray(_picture(number, *combination.size), format="bgr24")
            frame.pts, frame.time_base = time, FRAME_SECONDS
            container.mux(pictures.encode(frame))
        container.mux(pictures.encode(None))
        for stream, sound in zip(sounds, combination.sounds, strict=True):
            _write_tone(container, stream, sound, seconds)
    return seconds


@contextmanager
def _own_priority() -> Iterator[None]:
    """Puts back how this thread is scheduled.

    As root, SVT-AV1 makes its caller a real-time thread. Each process that it starts then is one too, and two of them
    with much to do starve the machine.
    """
    policy, priority = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        yield
    finally:
        os.sched_setscheduler(0, policy, priority)


def _pictures(container: OutputContainer, combination: Combination) -> VideoStream:
    stream = cast(
        VideoStream,
        container.add_stream(
            combination.codec,
            rate=1 / FRAME_SECONDS,
            width=combination.size[0],
            height=combination.size[1],
            pix_fmt=combination.pixels,
            options={"strict": _STRICTNESS, **combination.options},
        ),
    )
    context = stream.codec_context
    context.time_base = FRAME_SECONDS
    stream.bit_rate = 2_000_000
    if combination.is_hdr:
        context.color_primaries = ColorPrimaries.BT2020
        context.color_trc = ColorTrc.SMPTE2084
        context.colorspace = Colorspace.BT2020
    if combination.clockwise:
        stream.set_display_rotation(-combination.clockwise)
    return stream


def _sound(container: OutputContainer, sound: Sound) -> AudioStream:
    options = {"strict": _STRICTNESS}
    stream = cast(AudioStream, container.add_stream(sound.codec, rate=sound.rate, layout=sound.layout, options=options))
    stream.bit_rate = _SOUND_BIT_RATE
    return stream


def _picture(number: int, width: int, height: int) -> NDArray[np.uint8]:
    across, down = np.meshgrid(np.linspace(30, 150, width), np.linspace(0, 60, height))
    picture = np.repeat((across + down).astype(np.uint8)[..., np.newaxis], 3, axis=2)
    side, left = height // 4, 4 + number * width // 40
    picture[side : 2 * side, left : left + side] = (230, 40, 40)
    return picture


def _write_tone(container: OutputContainer, stream: AudioStream, sound: Sound, seconds: float) -> None:
    times = np.arange(round(sound.rate * seconds)) / sound.rate
    channels = stream.layout.nb_channels
    tone = np.tile((np.sin(times * 2 * np.pi * TONE_HZ) * _LEVEL).astype(np.int16), (channels, 1))
    frame = av.AudioFrame.from_ndarray(tone, format="s16p", layout=sound.layout)
    frame.sample_rate, frame.time_base, frame.pts = sound.rate, Fraction(1, sound.rate), 0
    container.mux(stream.encode(frame))
    container.mux(stream.encode(None))
