"""How many frames to skip between two detections."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from services.processor.video.tracking.object_path import HOLD_SECONDS
from services.processor.vision.detections import TileShare

SMOOTHING: Final = 0.2
"""The weight of the newest detection in the average of their costs."""
_MOMENT_SECONDS: Final = 0.01
"""Times of frames are rounded; a smaller difference does not count."""


@dataclass(frozen=True, slots=True)
class DetectionBudget:
    """How much time detections may cost, and the widest gap between two of them at any cost."""

    seconds_per_frame: float = 0.005
    seconds_per_megapixel: float = 0.015
    """Added for each frame: large frames take as much longer to encode."""
    widest_gap_seconds: float = 0.1
    farthest_move: float = 0.4
    """How far the fastest object may move between two detections, in its own size."""

    def per_frame(self, width: int, height: int) -> float:
        """Returns what detection may cost per frame of this size on average, in CPU seconds."""
        return self.seconds_per_frame + self.seconds_per_megapixel * width * height / 1e6


def tile_share(detection: int, waited_seconds: float) -> TileShare | None:
    """Returns the share of tiles that this detection covers, given the time since the last one; None means all.

    Tiles take turns if each gets its turn within the time that an object is held unseen.
    """
    turns = int((HOLD_SECONDS + _MOMENT_SECONDS) / waited_seconds) if waited_seconds > 0 else 1
    return TileShare(detection, turns) if turns > 1 else None


class Cadence:
    """Chooses every k-th frame: as the budget allows, closer where things move fast."""

    def __init__(self, frames_per_second: float, width: int, height: int, budget: DetectionBudget) -> None:
        self._rate = frames_per_second
        self._budget = budget
        self._affordable_seconds = budget.per_frame(width, height)
        self._cost_seconds: float | None = None
        self._sizes_per_second = 0.0

    def learn(self, cost_seconds: float, sizes_per_second: float) -> None:
        """Takes in what a detection cost, and how fast the fastest object moves, in its own size."""
        last = self._cost_seconds
        self._cost_seconds = cost_seconds if last is None else last + SMOOTHING * (cost_seconds - last)
        self._sizes_per_second = sizes_per_second

    @property
    def stride(self) -> int:
        """The number of frames to the next detection; 1 until a detection's cost is known."""
        if self._cost_seconds is None:
            return 1
        affordable = math.ceil(self._cost_seconds / self._affordable_seconds)
        allowed_seconds = self._budget.widest_gap_seconds
        if self._sizes_per_second > 0:
            allowed_seconds = min(allowed_seconds, self._budget.farthest_move / self._sizes_per_second)
        return max(1, min(affordable, round(allowed_seconds * self._rate)))
