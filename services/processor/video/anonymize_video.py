"""A video in, the same video with its objects unrecognisable out.

Two passes, for three reasons: an object is covered before it is first seen, with no frames kept waiting in memory;
what was found decides what is covered before the first frame is written; and decoding twice costs a small part of
encoding once.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TypeAlias

import av

from services.common.media.refusals import DamagedMedia
from services.common.media.vocabulary import ObjectClass
from services.processor.anonymize.options import AnonymizeOptions
from services.processor.anonymize.plan import idle_regions
from services.processor.video.encoding.encoders import bits_of_result
from services.processor.video.errors import VideoCancelled
from services.processor.video.limits import VideoLimits
from services.processor.video.render import find_excluded, options_of_frames, render_video
from services.processor.video.source import VideoSource
from services.processor.video.tracking.cadence import DetectionBudget
from services.processor.video.tracking.frame_detection import VideoDetector, frame_shrink
from services.processor.video.tracking.tracking_pass import track_objects
from services.processor.video.tracking.tracks import Track, describe_paths

Progress: TypeAlias = Callable[[int, int | None], None]
"""Called after each frame with the number done and, if known, the total; each pass counts half a frame."""


@dataclass(frozen=True, slots=True)
class VideoResult:
    """The result of anonymizing a video."""

    tracks: tuple[Track, ...]
    counts: Mapping[ObjectClass, int]
    frames: int
    duration: timedelta
    """From the first frame to the last."""
    width: int
    height: int
    """Of the upright picture."""
    detected_frames: int
    """In how many of the frames a detector looked."""
    warnings: tuple[str, ...]
    limited_sizes: Mapping[ObjectClass, float]
    """The longer side in pixels from which objects of a class are found, where smaller ones were not searched for."""
    timings: Mapping[str, timedelta]
    """Where the time went: `track` is the first pass, beside which `detect` ran; the rest is the second."""


def anonymize_video(
    source_path: Path,
    target_path: Path,
    options: AnonymizeOptions,
    detector: VideoDetector,
    *,
    limits: VideoLimits,
    progress: Progress,
    cancelled: Callable[[], bool],
    threads: int = 2,
    budget: DetectionBudget | None = None,
) -> VideoResult:
    """Write to `target_path` an MP4 of the video in which the objects that `options` name are unrecognisable.

    Raises `TooManyPixels` or `MediaTooLong` before work where the header says so, else while reading;
    `DamagedMedia` where no frame can be decoded; `VideoCancelled` once `cancelled` says so, which is asked between
    frames. After any error there is no file at `target_path`. What part of a damaged video can be decoded is
    anonymized, with a warning.
    `threads` bounds the decoder's and detection's. The result does not depend on it, nor on how busy the machine is.
    """
    try:
        return _anonymize(
            source_path,
            target_path,
            options,
            detector,
            limits,
            progress,
            cancelled,
            threads,
            budget or DetectionBudget(),
        )
    except BaseException as error:
        target_path.unlink(missing_ok=True)
        # What is the machine's fault, such as a full disk, is an OSError too.
        if isinstance(error, av.error.FFmpegError) and not isinstance(error, OSError):
            problem = f"its pictures or sounds cannot be stored: {error.strerror}"
            raise DamagedMedia("video", problem) from error
        raise


def _anonymize(
    source_path: Path,
    target_path: Path,
    options: AnonymizeOptions,
    detector: VideoDetector,
    limits: VideoLimits,
    progress: Progress,
    cancelled: Callable[[], bool],
    threads: int,
    budget: DetectionBudget,
) -> VideoResult:
    started = time.perf_counter()
    with VideoSource(source_path, limits, threads) as source:
        header = source.header
        total = header.frames or (round(header.seconds * header.rate) if header.seconds else None)

        def tracked_frame(frames: int) -> None:
            if cancelled():
                raise VideoCancelled
            progress(frames // 2, None if total is None else max(total, frames))

        tracked = track_objects(source, options, detector, limits, budget, threads, tracked_frame)
        warnings = source.warnings
    frames = len(tracked.timeline)
    if frames == 0:
        raise DamagedMedia(header.format, "no frame can be decoded")

    def rendered(done: int) -> None:
        if cancelled():
            raise VideoCancelled
        progress((frames + done) // 2, frames)

    frame_options = options_of_frames(options, tracked, header.width, header.height)
    excluded = find_excluded(tracked.paths, tracked.timeline, frame_options)
    covered = [path for path in tracked.paths if path not in excluded]
    between = time.perf_counter()
    with VideoSource(source_path, limits, threads) as source:
        rendering = render_video(source, target_path, tracked, frame_options, covered, rendered)
    ended = time.perf_counter()
    if (bits := bits_of_result(header.bits)) < header.bits:
        warnings.append(f"the pictures were converted from {header.bits} to {bits} bits")
    if header.width % 2 or header.height % 2:
        even = f"{header.width + header.width % 2} x {header.height + header.height % 2}"
        warnings.append(
            f"the frames of {header.width} x {header.height} pixels became {even}: their sides must be even"
        )
    width, height = tracked.orientation.upright_size(header.width, header.height)
    moments = ((width, height, tracked.timeline.moment(frame)) for frame in range(frames))
    warnings.extend(idle_regions(options, moments))
    return VideoResult(
        tracks=describe_paths(tracked, covered, header.width, header.height),
        counts=Counter(path.object_class for path in tracked.paths),
        frames=frames,
        duration=tracked.timeline.time(frames - 1),
        width=width,
        height=height,
        detected_frames=tracked.detected_frames,
        warnings=(*warnings, *rendering.warnings),
        limited_sizes=detector.limited_sizes(
            width, height, options.object_classes, is_frame=True, shrink=frame_shrink(width, height)
        ),
        timings={
            name: timedelta(seconds=seconds)
            for name, seconds in (
                ("track", between - started),
                ("detect", tracked.detection_seconds),
                ("decode", ended - between - rendering.cover_seconds - rendering.encode_seconds),
                ("cover", rendering.cover_seconds),
                ("encode", rendering.encode_seconds),
            )
        },
    )
