"""An animated picture: looked at frame by frame, its objects followed as in a video, then covered and written again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Final

import cv2
import numpy as np

from services.processor.anonymize.options import AnonymizeOptions
from services.processor.anonymize.paint import paint_covers
from services.processor.anonymize.plan import idle_regions
from services.processor.images.frames import Frame, PictureSource
from services.processor.photo.result import FoundObject, PhotoResult
from services.processor.vision.detections import Detector, Picture
from services.processor.vision.stopwatch import Stopwatch

SHORTEST_FRAME_MS: Final = 20
"""Shorter frames, those of no duration above all, are taken for so long when objects are followed."""
CUT_DIFFERENCE: Final = 32.0
"""From this mean difference of two frames on, out of 255, they are of two scenes: a slide show is no motion."""
_SMALL: Final = (32, 32)


def anonymize_animation(
    source: PictureSource,
    options: AnonymizeOptions,
    detector: Detector,
    watch: Stopwatch,
    look: Callable[[Picture], None] | None,
    advance: Callable[[int], None],
) -> PhotoResult:
    """Cover objects in every frame; decoded twice, so that no more than one frame is held at a time."""
    # Following objects needs the modules for videos, which stills do without.
    from services.processor.video.orientation import Orientation
    from services.processor.video.render import find_excluded, plan_frames
    from services.processor.video.timeline import Timeline
    from services.processor.video.tracking.appearance import appearances
    from services.processor.video.tracking.cadence import tile_share
    from services.processor.video.tracking.tracker import Tracker
    from services.processor.video.tracking.tracking_pass import TrackedVideo
    from services.processor.video.tracking.tracks import describe_paths

    timeline = Timeline(Fraction(1, 1000))
    tracker = Tracker(timeline)
    clock = _Clock()
    width = height = 0
    for number, frame in enumerate(watch.each("decode", source.frames())):
        with watch.step("detect"):
            picture = frame.raster.picture()
            if number == 0:
                height, width = picture.shape[:2]
                if look is not None:
                    with watch.step("classify"):
                        look(picture)
            is_cut = clock.is_cut(picture)
            timeline.append(clock.now_ms, 0.0, 0.0, is_cut)
            share = None if is_cut else tile_share(number, clock.shown_ms / 1000)
            clock.shown_ms = max(frame.duration_ms, SHORTEST_FRAME_MS)
            clock.now_ms += clock.shown_ms
            found = detector.detect_frame(picture, options.object_classes, options.thresholds, share)
            tracker.update(number, found, appearances(picture, found))
        advance((number + 1) // 2)
    paths = tracker.finish()
    excluded = find_excluded(paths, timeline, options)
    covered = [path for path in paths if path not in excluded]
    planned = plan_frames(timeline, covered, options)
    frames = len(timeline)
    touched = bool(covered or options.regions)

    def painted() -> Iterator[Frame]:
        # A frame without detection is never written, even if a second reading of damaged data yields more frames.
        seen = zip(planned, watch.each("decode", source.frames()), strict=False)
        for number, (covers, frame) in enumerate(seen, 1):
            with watch.step("cover"):
                paint_covers(frame.raster.upright, covers, frame.raster.channel_values)
            yield frame
            advance((frames + number) // 2)

    with watch.step("encode"):
        content = (None if touched else source.strip()) or source.write(painted())
    tracked = TrackedVideo(timeline, paths, None, Orientation(), frames, 0.0)
    objects = tuple(
        FoundObject(
            track.object_id,
            track.object_class,
            track.score,
            track.best.box,
            track.is_covered,
            tuple((point.time, point.box) for point in track.points),
            track.linked,
        )
        for track in describe_paths(tracked, covered, width, height)
    )
    moments = ((width, height, timeline.moment(frame)) for frame in range(frames))
    warnings = (*source.warnings, *idle_regions(options, moments))
    limited = detector.limited_sizes(width, height, options.object_classes, is_frame=True)
    return PhotoResult(content, source.media_type, width, height, frames, objects, warnings, watch.timings, limited)


@dataclass(slots=True)
class _Clock:
    now_ms: int = 0
    shown_ms: int = 0
    """For how long the frame before this one is shown."""
    _last: Picture | None = field(default=None, init=False)

    def is_cut(self, picture: Picture) -> bool:
        """Whether this frame has little to do with the one before it."""
        small = cv2.resize(picture, _SMALL, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
        last, self._last = self._last, small
        return last is not None and float(cv2.absdiff(small, last).mean()) >= CUT_DIFFERENCE
