"""The outcome of a video: refused at upload, processed or failed, and how the result differs from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
import numpy as np
from av.audio.stream import AudioStream
from numpy.typing import NDArray

from scripts.measuring.evaluation.containers.combinations import Combination
from scripts.measuring.evaluation.containers.samples import FRAME_SECONDS, FRAMES, TONE_HZ, write_sample
from services.common.base.errors import DropmeshError
from services.common.media.refusals import MediaRefused
from services.common.media.types import SNIFF_BYTES, sniff
from services.common.media.vocabulary import ObjectClass
from services.ingest.metadata.limits import MediaLimits
from services.ingest.metadata.video import read_video
from services.processor.anonymize.options import AnonymizeOptions
from services.processor.detect.detector import ComposedDetector
from services.processor.video.anonymize_video import anonymize_video
from services.processor.video.limits import VideoLimits

_TOLERANCE_SECONDS: Final = 0.002
_SOUND_TOLERANCE_SECONDS: Final = 0.15
"""Encoders work in blocks of up to 0.1 s, and begin with silence."""
_TOLERANCE_HZ: Final = 8.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """The state that a video ends in, the reason or the warnings, and the faults of the result."""

    state: str
    note: str = ""
    faults: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class _Played:
    """The pictures and sounds that a player gets."""

    times: Sequence[float]
    rotation: int
    bits: int
    transfer: int
    sounds: Sequence[_Heard]


@dataclass(frozen=True, slots=True)
class _Heard:
    """One sound: the seconds of its samples, those from its first to its last time, and its loudest frequency."""

    seconds: float
    timed_seconds: float
    hertz: float


def outcome_of(combination: Combination, folder: Path) -> Outcome:
    """Makes a video of the combination in a folder, and sends it the way that an upload goes."""
    source, target = folder / f"in.{combination.container}", folder / "out.mp4"
    write_sample(source, combination)
    try:
        with source.open("rb") as file:
            media_type = sniff(file.read(SNIFF_BYTES))
            read_video(file, media_type, MediaLimits())
    except MediaRefused as refusal:
        return Outcome("refused", refusal.message)
    try:
        result = anonymize_video(
            source,
            target,
            AnonymizeOptions(frozenset(ObjectClass)),
            ComposedDetector({}, {}),
            limits=VideoLimits(),
            progress=lambda *_: None,
            cancelled=lambda: False,
        )
    except DropmeshError as error:
        return Outcome("FAILED", error.message)
    except Exception as error:  # noqa: BLE001 - the table shows it
        return Outcome("FAILED", f"{type(error).__name__}: {error}")
    return Outcome("PROCESSED", "; ".join(result.warnings), _faults(_play(source), _play(target), combination))


def _faults(before: _Played, after: _Played, combination: Combination) -> list[str]:
    faults = []
    times = [float(time * FRAME_SECONDS) for time in combination.times or range(FRAMES)]
    if len(after.times) != len(times):
        faults.append(f"{len(after.times)} of {len(times)} frames")
    elif any(abs(one - other) > _TOLERANCE_SECONDS for one, other in zip(times, after.times, strict=True)):
        faults.append(f"other times of frames: {', '.join(f'{time:.3f}' for time in after.times)}")
    if after.rotation != before.rotation or after.rotation != combination.clockwise:
        faults.append(f"turned by {after.rotation} instead of {before.rotation}")
    if after.bits < min(10, before.bits):
        faults.append(f"{after.bits} of {before.bits} bits")
    if after.transfer != before.transfer:
        faults.append(f"transfer {after.transfer} instead of {before.transfer}")
    if len(after.sounds) != len(combination.sounds):
        faults.append(f"{len(after.sounds)} of {len(combination.sounds)} sounds")
    for was, heard in zip(before.sounds, after.sounds, strict=False):
        if abs(was.seconds - heard.seconds) > _SOUND_TOLERANCE_SECONDS:
            faults.append(f"{heard.seconds:.2f} of {was.seconds:.2f} s of sound")
        if abs(was.timed_seconds - heard.timed_seconds) > _SOUND_TOLERANCE_SECONDS:
            faults.append(f"sound over {heard.timed_seconds:.2f} instead of {was.timed_seconds:.2f} s")
        if abs(heard.hertz - TONE_HZ) > _TOLERANCE_HZ:
            faults.append(f"a tone of {heard.hertz:.0f} Hz")
    return faults


def _play(path: Path) -> _Played:
    with av.open(str(path)) as container:
        times, rotation, bits, transfer = [], 0, 8, 0
        for frame in container.decode(video=0):
            times.append(float((frame.pts or 0) * (frame.time_base or Fraction(0))))
            rotation = -frame.rotation % 360
            bits = frame.format.components[0].bits
            transfer = int(container.streams.video[0].codec_context.color_trc)
        sounds = len(container.streams.audio)
    return _Played(
        [time - times[0] for time in times], rotation, bits, transfer, [_hear(path, n) for n in range(sounds)]
    )


def _hear(path: Path, number: int) -> _Heard:
    parts: list[NDArray[np.int16]] = []
    start = end = 0.0
    with av.open(str(path)) as container:
        stream: AudioStream = container.streams.audio[number]
        rate = stream.rate
        resampler = av.AudioResampler("s16p", "mono", rate)
        for frame in container.decode(stream):
            # A frame without a time follows the one before it.
            time = end if frame.pts is None else float(frame.pts * (frame.time_base or Fraction(0)))
            start = start if parts else time
            end = time + frame.samples / frame.sample_rate
            parts.extend(part.to_ndarray()[0] for part in resampler.resample(frame))
    samples = np.concatenate(parts) if parts else np.zeros(1, np.int16)
    loudness = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return _Heard(len(samples) / rate, end - start, float(np.argmax(loudness) * rate / len(samples)))
