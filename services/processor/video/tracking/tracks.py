"""The tracks that a client sees: where each object was, and when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from services.common.media.vocabulary import Box, ObjectClass
from services.processor.video.tracking.links import link_paths
from services.processor.video.tracking.object_path import ObjectPath
from services.processor.video.tracking.tracking_pass import TrackedVideo

STILL_SECONDS: Final = 1.0
MOVING_SECONDS: Final = 0.25
MOVED_IOU: Final = 0.7
"""Seconds between two points of a track: the first while the object rests, the second while it moves."""


@dataclass(frozen=True, slots=True)
class TrackPoint:
    """Where an object was at a moment; the box is in pixels of the upright picture."""

    time: timedelta
    box: Box


@dataclass(frozen=True, slots=True)
class Track:
    """One object of a video."""

    object_id: int
    """From 1, in the order in which the objects were first seen."""
    object_class: ObjectClass
    score: float
    """The highest of its detections."""
    best: TrackPoint
    """Where and when its score was highest."""
    first: timedelta
    last: timedelta
    points: tuple[TrackPoint, ...]
    """Few enough to be kept, close enough to draw it between them."""
    is_covered: bool
    linked: tuple[int, ...] = ()
    """The ids of the other tracks that are probably the same object."""


def describe_paths(tracked: TrackedVideo, covered: Sequence[ObjectPath], width: int, height: int) -> tuple[Track, ...]:
    """Returns the track of each object, in coordinates of the upright picture; `width` and `height` are the frames'."""
    upright_size = tracked.orientation.upright_size(width, height)
    shown = {id(path) for path in covered}
    links = link_paths(tracked.paths, tracked.timeline)

    def point(path: ObjectPath, frame: int) -> TrackPoint:
        box = tracked.orientation.upright_box(path.box_at(frame, tracked.timeline), width, height)
        return TrackPoint(tracked.timeline.time(frame), box.clipped(*upright_size))

    return tuple(
        Track(
            object_id=number,
            object_class=path.object_class,
            score=path.best_score,
            best=point(path, path.best_frame),
            first=tracked.timeline.time(path.first),
            last=tracked.timeline.time(path.last),
            points=_few([point(path, frame) for frame in path.frames]),
            is_covered=id(path) in shown,
            linked=tuple(other + 1 for other in links[number - 1]),
        )
        for number, path in enumerate(tracked.paths, 1)
    )


def _few(points: Sequence[TrackPoint]) -> tuple[TrackPoint, ...]:
    kept = [points[0]]
    for point in points[1:-1]:
        passed = (point.time - kept[-1].time).total_seconds()
        if passed >= STILL_SECONDS or (passed >= MOVING_SECONDS and point.box.iou(kept[-1].box) < MOVED_IOU):
            kept.append(point)
    if len(points) > 1:
        kept.append(points[-1])
    return tuple(kept)
