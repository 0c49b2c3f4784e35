"""How many frames to let pass between two looks of the detector."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from services.processor.video.tracking.object_path import HOLD_SECONDS
from services.processor.vision.detections import Share

SMOOTHING: Final = 0.2
"""The weight of the newest look in the average of their costs."""
_MOMENT_SECONDS: Final = 0.01
"""Times of frames are rounded; so much is no difference."""


@dataclass(frozen=True, slots=True)
class LookBudget:
    """How much time looks may cost, and how far they may lie apart whatever they cost."""

    seconds_per_frame: float = 0.005
    seconds_per_megapixel: float = 0.015
    """Added for each frame: large frames take as much longer to encode."""
    widest_gap_seconds: float = 0.1
    farthest_move: float = 0.4
    """How far the fastest object may move between two looks, in its own size."""

    def per_frame(self, width: int, height: int) -> float:
        """What looks may cost on average for each frame of this size, in seconds of one processor."""
        return self.seconds_per_frame + self.seconds_per_megapixel * width * height / 1e6


def share_of(look: int, waited_seconds: float) -> Share | None:
    """What a look that comes so long after the last one is at, beside the whole picture: a share of its parts, or all.

    Parts take turns where each has had its turn within the time that an object is held unseen.
    """
    turns = int((HOLD_SECONDS + _MOMENT_SECONDS) / waited_seconds) if waited_seconds > 0 else 1
    return Share(look, turns) if turns > 1 else None


class Cadence:
    """Chooses every k-th frame: as the budget allows, closer where things move fast."""

    def __init__(self, frames_per_second: float, width: int, height: int, budget: LookBudget) -> None:
        self._rate = frames_per_second
        self._budget = budget
        self._affordable_seconds = budget.per_frame(width, height)
        self._cost_seconds: float | None = None
        self._sizes_per_second = 0.0

    def learn(self, cost_seconds: float, sizes_per_second: float) -> None:
        """Take in what a look cost, and how fast the fastest object moves, in its own size."""
        last = self._cost_seconds
        self._cost_seconds = cost_seconds if last is None else last + SMOOTHING * (cost_seconds - last)
        self._sizes_per_second = sizes_per_second

    @property
    def stride(self) -> int:
        """How many frames on the next look is; 1 until a look's cost is known."""
        if self._cost_seconds is None:
            return 1
        affordable = math.ceil(self._cost_seconds / self._affordable_seconds)
        allowed_seconds = self._budget.widest_gap_seconds
        if self._sizes_per_second > 0:
            allowed_seconds = min(allowed_seconds, self._budget.farthest_move / self._sizes_per_second)
        return max(1, min(affordable, round(allowed_seconds * self._rate)))
