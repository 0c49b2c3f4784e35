"""Assigns the detections of successive frames to objects.

Beside libraries: docs/decisions/tracker.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.common.media.vocabulary import Box
from services.processor.video.timeline import Timeline
from services.processor.video.tracking.appearance import Appearance
from services.processor.video.tracking.assignment import cheapest_pairs
from services.processor.video.tracking.box_filter import BoxFilter
from services.processor.video.tracking.object_path import ObjectPath
from services.processor.vision.detections import Detection

LOST_SECONDS: Final = 1.0
LOST_LOOKS: Final = 3
"""An object that is not seen for longer than either is another one when it is seen again."""
FARTHEST: Final = 1.2
"""The largest distance at which a prediction and a detection are one object: side by side, without a gap."""
MOST_TIMES_LARGER: Final = 4.0
"""How many times larger one of the two may be, in area: the spectacles of a face are not the face."""
PART_INSIDE: Final = 0.8
PART_SECONDS: Final = 3.0
"""While a part of an object is found, by so much in its last place, it is waited for so long, and in that place too."""


@dataclass(slots=True)
class _Follow:
    path: ObjectPath
    expected: BoxFilter
    seconds: float
    misses: int = 0
    is_seen_in_part: bool = False


class Tracker:
    """Follows objects from detection to detection; an object does not outlive its scene."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self._open: list[_Follow] = []
        self._ended: list[ObjectPath] = []
        self._last_look: int | None = None

    def update(
        self, frame: int, detections: Sequence[Detection], appearances: Sequence[Appearance] | None = None
    ) -> None:
        """Take in what was found in a frame, later than all frames before it, and how each looks if that is known."""
        if self._last_look is not None and self._timeline.scene_start(frame) > self._last_look:
            self._end(self._open, frame)
        seconds = self._timeline.seconds(frame)
        x, y = self._timeline.camera(frame)
        boxes = [Box(one.box.left - x, one.box.top - y, one.box.right - x, one.box.bottom - y) for one in detections]
        taken = self._assign(detections, boxes, seconds)
        for follow, index in taken:
            self._see(follow, frame, boxes[index], detections[index].score)
        seen = {index for _, index in taken}
        followed = {id(follow) for follow, _ in taken}
        for follow in self._open:
            if id(follow) not in followed:
                if follow.misses == 0:
                    follow.path.end(frame)
                follow.misses += 1
                follow.is_seen_in_part |= _shows_part(follow.path, detections, boxes)
        self._end([one for one in self._open if _is_lost(one, seconds)], frame)
        for index, detection in enumerate(detections):
            if index not in seen:
                path = ObjectPath(detection.object_class, self._last_look)
                path.add(frame, boxes[index], detection.score)
                self._open.append(_Follow(path, BoxFilter(boxes[index], seconds), seconds))
                taken.append((self._open[-1], index))
        if appearances is not None:
            for follow, index in taken:
                follow.path.appearance.add(appearances[index])
        self._last_look = frame

    def expected(self, frame: int) -> list[Box]:
        """Where the objects in sight are expected in a frame."""
        seconds = self._timeline.seconds(frame)
        x, y = self._timeline.camera(frame)
        boxes = [one.expected.predict(seconds) for one in self._open if one.misses == 0]
        return [Box(box.left + x, box.top + y, box.right + x, box.bottom + y) for box in boxes]

    @property
    def sizes_per_second(self) -> float:
        """The speed of the fastest object in sight, in its own size; 0 without one."""
        return max((one.expected.sizes_per_second for one in self._open if one.misses == 0), default=0.0)

    def finish(self) -> list[ObjectPath]:
        """All objects, in the order in which they were first seen."""
        self._end(self._open, len(self._timeline))
        return sorted(self._ended, key=lambda path: path.first)

    def _see(self, follow: _Follow, frame: int, box: Box, score: float) -> None:
        seconds = self._timeline.seconds(frame)
        follow.path.add(frame, box, score)
        follow.expected.update(box, seconds)
        follow.seconds = seconds
        follow.misses = 0
        follow.is_seen_in_part = False

    def _end(self, follows: Sequence[_Follow], frame: int) -> None:
        for follow in follows:
            if follow.misses == 0:
                follow.path.end(frame)
            self._ended.append(follow.path)
        ended = {id(follow) for follow in follows}
        self._open = [follow for follow in self._open if id(follow) not in ended]

    def _assign(
        self, detections: Sequence[Detection], boxes: Sequence[Box], seconds: float
    ) -> list[tuple[_Follow, int]]:
        if not self._open or not boxes:
            return []
        distances = _distances([follow.expected.predict(seconds) for follow in self._open], boxes)
        if in_part := [index for index, follow in enumerate(self._open) if follow.is_seen_in_part]:
            last_seen = _distances([self._open[index].path.ends[1] for index in in_part], boxes)
            distances[in_part] = np.minimum(distances[in_part], last_seen)
        same_class = np.array(
            [[one.path.object_class is other.object_class for other in detections] for one in self._open]
        )
        distances = np.where(same_class, distances, 2 * FARTHEST)
        pairs = cheapest_pairs(np.minimum(distances, 2 * FARTHEST))
        return [(self._open[row], column) for row, column in pairs if distances[row, column] <= FARTHEST]


def _is_lost(follow: _Follow, seconds: float) -> bool:
    patience = PART_SECONDS if follow.is_seen_in_part else LOST_SECONDS
    return follow.misses > LOST_LOOKS and seconds - follow.seconds > patience


def _shows_part(path: ObjectPath, detections: Sequence[Detection], boxes: Sequence[Box]) -> bool:
    """Whether a part of an object is found in the place where it was last seen."""
    whole = path.ends[1]
    return any(
        detection.object_class is path.object_class
        and MOST_TIMES_LARGER * box.area < whole.area
        and box.intersection(whole) >= PART_INSIDE * box.area
        for detection, box in zip(detections, boxes, strict=True)
    )


def _distances(predicted: Sequence[Box], found: Sequence[Box]) -> NDArray[np.float64]:
    """One less the overlap, more the squared distance of the centres relative to what encloses both: 0 to 2.

    More than any of these where one is too much larger than the other.
    """
    one, other = _numbers(predicted)[:, None], _numbers(found)[None]
    shared = np.clip(np.minimum(one[..., 2:], other[..., 2:]) - np.maximum(one[..., :2], other[..., :2]), 0, None)
    overlap = shared.prod(axis=-1)
    one_area, other_area = ((each[..., 2:] - each[..., :2]).prod(axis=-1) for each in (one, other))
    areas = one_area + other_area
    around = np.maximum(one[..., 2:], other[..., 2:]) - np.minimum(one[..., :2], other[..., :2])
    apart = (one[..., :2] + one[..., 2:] - other[..., :2] - other[..., 2:]) / 2
    distances = 1 - overlap / (areas - overlap) + np.square(apart).sum(axis=-1) / np.square(around).sum(axis=-1)
    smaller = np.minimum(one_area, other_area)
    return np.where(areas - smaller > MOST_TIMES_LARGER * smaller, 2 * FARTHEST, distances)


def _numbers(boxes: Sequence[Box]) -> NDArray[np.float64]:
    return np.array([(box.left, box.top, box.right, box.bottom) for box in boxes], dtype=np.float64)
