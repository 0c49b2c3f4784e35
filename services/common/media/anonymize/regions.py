"""Areas that a person drew: where each is, and when."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, replace
from operator import attrgetter

from services.common.media.vocabulary import Box, TrackPoint


@dataclass(frozen=True, slots=True)
class Moment:
    """The time for which a frame is shown; the last frame has no end."""

    start_ns: int
    end_ns: int | None


@dataclass(frozen=True, slots=True)
class Region:
    """An area of a picture; in a video from `start_ns` until before `end_ns`.

    Its box moves in a straight line from each keyframe to the next. Of a single keyframe the time means nothing.
    """

    keyframes: tuple[TrackPoint, ...]
    start_ns: int = 0
    end_ns: int | None = None

    @classmethod
    def resting(cls, box: Box) -> Region:
        """A region that is in one place for the whole time."""
        return cls((TrackPoint(0, box),))

    def box_in(self, moment: Moment | None) -> Box | None:
        """The box in a frame that is shown at any time of the span; without a moment, in a picture without time."""
        if moment is None:
            return self.keyframes[0].box
        begins = self.end_ns is None or moment.start_ns < self.end_ns
        lasts = moment.end_ns is None or moment.end_ns > self.start_ns
        return self.box_at(moment.start_ns) if begins and lasts else None

    def box_from(self, moment: Moment | None) -> Box | None:
        """The same, only for a frame that begins within the span."""
        return None if moment is not None and moment.start_ns < self.start_ns else self.box_in(moment)

    def box_at(self, time_ns: int) -> Box:
        """Where the box is at a time, whether or not that lies in the span; it rests before and after the keyframes."""
        after = bisect_right(self.keyframes, time_ns, key=attrgetter("time_ns"))
        if after == 0 or after == len(self.keyframes):
            return self.keyframes[max(0, after - 1)].box
        before, next_one = self.keyframes[after - 1], self.keyframes[after]
        share = (time_ns - before.time_ns) / (next_one.time_ns - before.time_ns)
        return before.box.mixed(next_one.box, share)

    def turned(self, turn: Callable[[Box], Box]) -> Region:
        """The same region in other coordinates."""
        return replace(self, keyframes=tuple(replace(point, box=turn(point.box)) for point in self.keyframes))
