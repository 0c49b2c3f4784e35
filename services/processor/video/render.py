"""The second pass over a video: covering what the first pass found, and encoding."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from services.common.media.refusals import DamagedMedia
from services.common.media.vocabulary import Box, Sound
from services.processor.anonymize.options import AnonymizeOptions, ExcludedObject
from services.processor.anonymize.plan import (
    SAME_OBJECT_IOU,
    Cover,
    cover_object,
    cover_regions,
    exempt_boxes,
    is_exempt,
)
from services.processor.video.encoding.canvas import Canvas
from services.processor.video.encoding.encoders import bits_of_result, choose_encoder
from services.processor.video.encoding.kept_tags import kept_tags
from services.processor.video.encoding.sink import VideoSink
from services.processor.video.source import TimedFrame, VideoSource
from services.processor.video.timeline import Timeline
from services.processor.video.tracking.object_path import ObjectPath
from services.processor.video.tracking.tracking_pass import TrackedVideo


@dataclass(frozen=True, slots=True)
class Rendering:
    """The result of the second pass, and where its time went."""

    warnings: tuple[str, ...]
    cover_seconds: float
    encode_seconds: float


def render_video(
    source: VideoSource,
    target: Path,
    tracked: TrackedVideo,
    options: AnonymizeOptions,
    covered: Sequence[ObjectPath],
    advance: Callable[[int], None],
) -> Rendering:
    """Write the video with these objects covered; `options` are in pixels of the frames as they are coded.

    A frame that the tracking pass did not see is never written: no object was looked for in it.
    """
    header = source.header
    bits = bits_of_result(header.bits)
    canvas = Canvas(header.width, header.height, bits)
    covers = plan_frames(tracked.timeline, covered, options)
    cover_seconds = encode_seconds = 0.0
    with_sounds = options.sound is not Sound.DROP
    done = 0
    with VideoSink(
        target,
        source.pictures,
        header,
        (canvas.width, canvas.height),
        tracked.display_matrix,
        source.sounds if with_sounds else (),
        options.sound,
        kept_tags(source.tags, options.keep_metadata),
        choose_encoder(bits, tracked.light),
        canvas.pixel_format,
    ) as sink:
        for item in source.read(with_sounds=with_sounds):
            started = time.perf_counter()
            if not isinstance(item, TimedFrame):
                sink.write_sound(item)
                continue
            if done == len(tracked.timeline):
                break
            if item.pts != tracked.timeline.pts(done):
                raise _changed(source, done)
            frame = canvas.prepare(item.frame)
            canvas.paint(frame, next(covers))
            painted = time.perf_counter()
            sink.write_frame(frame)
            cover_seconds += painted - started
            encode_seconds += time.perf_counter() - painted
            done += 1
            advance(done)
        if done < len(tracked.timeline):
            raise _changed(source, done)
        started = time.perf_counter()
        sink.finish()
    encode_seconds += time.perf_counter() - started
    return Rendering(tuple(sink.warnings), cover_seconds, encode_seconds)


def options_of_frames(options: AnonymizeOptions, tracked: TrackedVideo, width: int, height: int) -> AnonymizeOptions:
    """The same options, with their boxes in pixels of the frames as they are coded, of this size."""

    def turn(box: Box) -> Box:
        return tracked.orientation.frame_box(box, width, height)

    return replace(
        options,
        regions=tuple(region.turned(turn) for region in options.regions),
        exempt=tuple(region.turned(turn) for region in options.exempt),
        excluded=tuple(replace(one, box=turn(one.box)) for one in options.excluded),
    )


def find_excluded(paths: Sequence[ObjectPath], timeline: Timeline, options: AnonymizeOptions) -> set[ObjectPath]:
    """Each excluded object is at most one path: the one of its class that lies over it best at its time."""
    found: set[ObjectPath] = set()
    for excluded in options.excluded:
        candidates = [
            (overlap, number)
            for number, path in enumerate(paths)
            if path not in found and (overlap := _overlap(path, excluded, timeline)) >= SAME_OBJECT_IOU
        ]
        if candidates:
            found.add(paths[max(candidates)[1]])
    return found


def plan_frames(timeline: Timeline, covered: Sequence[ObjectPath], options: AnonymizeOptions) -> Iterator[list[Cover]]:
    """The covers of each frame, in order."""
    waiting = sorted(((path.covered_from(timeline), path) for path in covered), key=lambda one: one[0], reverse=True)
    current: list[tuple[int, ObjectPath]] = []
    for frame in range(len(timeline)):
        while waiting and waiting[-1][0] <= frame:
            _, path = waiting.pop()
            current.append((path.covered_to(timeline), path))
        current = [(last, path) for last, path in current if last >= frame]
        moment = timeline.moment(frame)
        exempt = exempt_boxes(options, moment)
        boxes = [(path.object_class, path.box_at(frame, timeline)) for _, path in current]
        yield cover_regions(options, moment) + [
            cover_object(object_class, box, options) for object_class, box in boxes if not is_exempt(box, exempt)
        ]


def _changed(source: VideoSource, frame: int) -> DamagedMedia:
    return DamagedMedia(source.header.format, f"frame {frame} was another one at its second reading")


def _overlap(path: ObjectPath, excluded: ExcludedObject, timeline: Timeline) -> float:
    if excluded.time is None or path.object_class is not excluded.object_class:
        return 0.0
    frame = timeline.frame_at(excluded.time)
    if not path.covered_from(timeline) <= frame <= path.covered_to(timeline):
        return 0.0
    return excluded.box.iou(path.box_at(frame, timeline))
