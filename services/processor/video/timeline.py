"""When each frame is shown, and how far the camera has moved by then: a few bytes a frame."""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left, bisect_right
from datetime import timedelta
from fractions import Fraction
from typing import Final

from services.common.base.instants import to_ns
from services.common.media.anonymize.regions import Moment

ROUNDING: Final = 1e-6
"""Rounding tolerance, in ticks."""


class Timeline:
    """Grows by one entry a frame; frames are counted from 0, seconds from the first frame."""

    def __init__(self, time_base: Fraction) -> None:
        self._time_base = time_base
        self._pts = array("q")
        self._camera_x = array("f")
        self._camera_y = array("f")
        self._cuts = array("q")

    def __len__(self) -> int:
        return len(self._pts)

    def append(self, pts: int, dx: float, dy: float, is_cut: bool) -> None:
        """Add a frame over which the scene moved by so many pixels, or which begins another scene."""
        if is_cut:
            self._cuts.append(len(self._pts))
        self._camera_x.append(dx + (self._camera_x[-1] if self._camera_x else 0.0))
        self._camera_y.append(dy + (self._camera_y[-1] if self._camera_y else 0.0))
        self._pts.append(pts)

    def pts(self, frame: int) -> int:
        """The time stamp of a frame, as its container has it."""
        return self._pts[frame]

    def seconds(self, frame: int) -> float:
        """When a frame is shown."""
        return float((self._pts[frame] - self._pts[0]) * self._time_base)

    def time(self, frame: int) -> timedelta:
        """When a frame is shown, to the microsecond."""
        return timedelta(seconds=self.seconds(frame))

    def moment(self, frame: int) -> Moment:
        """The time for which a frame is shown, to the microsecond."""
        following = frame + 1
        end_ns = to_ns(self.time(following)) if following < len(self) else None
        return Moment(to_ns(self.time(frame)), end_ns)

    def frame_at(self, time: timedelta) -> int:
        """The frame that is shown at that time."""
        ticks = round(Fraction(time // timedelta(microseconds=1), 1_000_000) / self._time_base)
        return max(0, bisect_right(self._pts, self._pts[0] + ticks) - 1)

    def camera(self, frame: int) -> tuple[float, float]:
        """How far the scene has moved across the picture since the first frame, in pixels."""
        return self._camera_x[frame], self._camera_y[frame]

    def first_within(self, frame: int, seconds: float) -> int:
        """The earliest frame of the same scene that is shown at most so long before."""
        earliest = self._pts[frame] - self._ticks(seconds)
        return max(bisect_left(self._pts, earliest, 0, frame), self.scene_start(frame))

    def last_within(self, frame: int, seconds: float) -> int:
        """The latest frame of the same scene that is shown at most so long after."""
        latest = self._pts[frame] + self._ticks(seconds)
        return min(bisect_right(self._pts, latest, frame) - 1, self.scene_end(frame))

    def scene_start(self, frame: int) -> int:
        """The first frame of the scene that this frame belongs to."""
        position = bisect_right(self._cuts, frame)
        return self._cuts[position - 1] if position else 0

    def scene_end(self, frame: int) -> int:
        """The last frame of the scene that this frame belongs to, as far as it is known."""
        position = bisect_right(self._cuts, frame)
        return (self._cuts[position] if position < len(self._cuts) else len(self._pts)) - 1

    def _ticks(self, seconds: float) -> int:
        return math.floor(seconds / self._time_base + ROUNDING)
