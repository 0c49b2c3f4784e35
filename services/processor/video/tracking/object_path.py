"""The way of one object through a video: where it was seen, and where it is covered in between, before and after."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from typing import Final

from services.common.media.vocabulary import Box, ObjectClass
from services.processor.video.timeline import Timeline
from services.processor.video.tracking.appearance import MeanAppearance

HOLD_SECONDS: Final = 0.3
"""How long an object is covered before it is first seen and after it is last seen."""
SPEED_SECONDS: Final = 0.3
"""How far back sights say which way an object goes."""
UNSEEN_MARGIN: Final = 0.15
UNSEEN_SECONDS: Final = 0.5
"""A box between two sights grows by this margin, in full this long after the one and before the other."""


class ObjectPath:
    """Sights of one object, in order; kept as numbers, for there are many.

    Boxes are held relative to the scene, not to the picture, so that the camera's own movements are not the object's.
    """

    def __init__(self, object_class: ObjectClass, look_before: int | None) -> None:
        self.object_class = object_class
        self.best_frame = 0
        self.best_score = 0.0
        self.appearance = MeanAppearance()
        self._look_before = look_before
        self._look_after: int | None = None
        self._frames = array("q")
        self._boxes = array("f")

    def __len__(self) -> int:
        return len(self._frames)

    def add(self, frame: int, box: Box, score: float) -> None:
        """Add a sight, later than all before it; the box is relative to the scene."""
        if score > self.best_score:
            self.best_frame, self.best_score = frame, score
        self._frames.append(frame)
        self._boxes.extend((box.left, box.top, box.right, box.bottom))

    def end(self, look_after: int) -> None:
        """Say at which frame the object was first looked for in vain."""
        self._look_after = look_after

    @property
    def first(self) -> int:
        """The frame of the first sight."""
        return self._frames[0]

    @property
    def last(self) -> int:
        """The frame of the last sight."""
        return self._frames[-1]

    @property
    def ends(self) -> tuple[Box, Box]:
        """The boxes of the first and the last sight, relative to the scene."""
        return self._box(0), self._box(len(self) - 1)

    @property
    def frames(self) -> array[int]:
        """The frames of all sights."""
        return self._frames

    def covered_from(self, timeline: Timeline) -> int:
        """The first frame in which the object is covered."""
        held = min(self.first - 1, timeline.first_within(self.first, HOLD_SECONDS))
        looked = self.first if self._look_before is None else self._look_before + 1
        return max(min(held, looked), timeline.scene_start(self.first))

    def covered_to(self, timeline: Timeline) -> int:
        """The last frame in which the object is covered."""
        held = max(self.last + 1, timeline.last_within(self.last, HOLD_SECONDS))
        looked = self.last if self._look_after is None else self._look_after - 1
        return min(max(held, looked), timeline.scene_end(self.last))

    def box_at(self, frame: int, timeline: Timeline) -> Box:
        """Returns the box to cover in a frame; outside of the detections, where the object may be."""
        after = bisect_right(self._frames, frame)
        if after == 0:
            box = self._beyond(0, frame, timeline)
        elif self._frames[after - 1] == frame:
            box = self._box(after - 1)
        elif after == len(self._frames):
            box = self._beyond(after - 1, frame, timeline)
        else:
            box = self._between(after - 1, frame, timeline)
        x, y = timeline.camera(frame)
        return Box(box.left + x, box.top + y, box.right + x, box.bottom + y)

    def _between(self, before: int, frame: int, timeline: Timeline) -> Box:
        start, end = timeline.seconds(self._frames[before]), timeline.seconds(self._frames[before + 1])
        now = timeline.seconds(frame)
        share = (now - start) / (end - start)
        one, other = self._box(before), self._box(before + 1)
        unseen = min(now - start, end - now) / UNSEEN_SECONDS
        return one.mixed(other, share).expanded(UNSEEN_MARGIN * min(1.0, unseen))

    def _beyond(self, nearest: int, frame: int, timeline: Timeline) -> Box:
        """The box of the nearest sight, and as well where the object would be had it kept its speed."""
        other = nearest
        step = 1 if nearest == 0 else -1
        start = timeline.seconds(self._frames[nearest])
        while 0 <= other + step < len(self._frames):
            if abs(timeline.seconds(self._frames[other + step]) - start) > SPEED_SECONDS:
                break
            other += step
        box = self._box(nearest)
        if other == nearest:
            return box
        share = (timeline.seconds(frame) - start) / (timeline.seconds(self._frames[other]) - start)
        moved = box.mixed(self._box(other), share)
        return Box(
            min(box.left, moved.left),
            min(box.top, moved.top),
            max(box.right, moved.right),
            max(box.bottom, moved.bottom),
        )

    def _box(self, sight: int) -> Box:
        left, top, right, bottom = self._boxes[4 * sight : 4 * sight + 4]
        return Box(left, top, right, bottom)
