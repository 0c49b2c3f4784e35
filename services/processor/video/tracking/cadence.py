"""How many frames to skip between two detections."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from services.processor.video.tracking.object_path import HOLD_SECONDS
from services.processor.vision.detections import TileShare

EXTRA_SHARE: Final = 0.5
MOST_CREDIT: Final = 3.0
"""Detections out of turn: how many there may be for each in turn, and how many at once."""
_MOMENT_SECONDS: Final = 0.01
"""Times of frames are rounded; a smaller difference does not count."""


@dataclass(frozen=True, slots=True)
class DetectionBudget:
    """The usual CPU time that detections may cost, and the widest gap between two of them at any cost.

    Costs are estimates that depend on the frame's size and the models alone. Measured times would make the result
    depend on how busy the machine is.
    """

    seconds_per_frame: float = 0.02
    seconds_per_megapixel: float = 0.06
    """Added for each frame: large frames take as much longer to encode."""
    seconds_per_video: float = 3600.0
    """A bound on all frames together, for long videos."""
    widest_gap_seconds: float = 0.1
    farthest_move: float = 0.4
    """How far the fastest object may move between two detections, in its own size."""

    def per_frame(self, width: int, height: int, frames: int | None) -> float:
        """Returns what detection may cost per frame on average; `frames` are those of the video, where known."""
        usual = self.seconds_per_frame + self.seconds_per_megapixel * width * height / 1e6
        return min(usual, self.seconds_per_video / frames) if frames else usual


def tile_share(detection: int, waited_seconds: float) -> TileShare | None:
    """Returns the share of tiles that this detection covers, given the time since the last one; None means all.

    Tiles take turns if each gets its turn within the time that an object is held unseen.
    """
    turns = int((HOLD_SECONDS + _MOMENT_SECONDS) / waited_seconds) if waited_seconds > 0 else 1
    return TileShare(detection, turns) if turns > 1 else None


class Cadence:
    """Chooses every k-th frame: every one where the budget allows, and closer where things move fast."""

    def __init__(
        self, frames_per_second: float, cost_seconds: float, affordable_seconds: float, budget: DetectionBudget
    ) -> None:
        self._rate = frames_per_second
        self._affordable = max(1, math.ceil(cost_seconds / affordable_seconds))
        self._budget = budget
        self._sizes_per_second = 0.0
        self._credit = MOST_CREDIT

    def learn(self, sizes_per_second: float) -> None:
        """Takes in how fast the fastest object moves, in its own size."""
        self._sizes_per_second = sizes_per_second

    def affords_extra(self) -> bool:
        """Whether a frame that shows something new is looked at out of turn; asked once for each frame passed."""
        self._credit = min(MOST_CREDIT, self._credit + EXTRA_SHARE / self.stride)
        return self._credit >= 1

    def spend_extra(self) -> None:
        """Counts a detection out of turn."""
        self._credit -= 1

    @property
    def stride(self) -> int:
        """The number of frames to the next detection."""
        allowed_seconds = self._budget.widest_gap_seconds
        if self._sizes_per_second > 0:
            allowed_seconds = min(allowed_seconds, self._budget.farthest_move / self._sizes_per_second)
        return max(1, min(self._affordable, round(allowed_seconds * self._rate)))
