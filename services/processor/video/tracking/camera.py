"""How the scene moves from frame to frame, seen in a small grey picture of each."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import cv2
import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from cv2.typing import MatLike
from numpy.typing import NDArray

LONG_SIDE: Final = 160
PART_SIDE: Final = 8
"""In pixels of that picture."""
STILL_DIFFERENCE: Final = 1.5
CUT_DIFFERENCE: Final = 12.0
"""Levels of grey, on average over the picture: below the one nothing moved, above the other all may be new."""
CUT_CORRELATION: Final = 0.4
"""Pictures of one scene are more alike than this, even if much moves in them."""
WORTHWHILE_RESIDUE: Final = 0.9
"""A movement is the camera's if undoing it leaves at most this share of the difference."""

Grey = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class SceneMotion:
    """How the scene moved across the picture since the frame before, in the frame's pixels."""

    dx: float = 0.0
    dy: float = 0.0
    is_cut: bool = False
    changes: MatLike | None = field(default=None, compare=False)
    """How much each part of a grid over the picture changed beyond that, in levels of grey; None where nothing did."""


class Camera:
    """Compares each frame with the one before it."""

    def __init__(self, width: int, height: int) -> None:
        scale = LONG_SIDE / max(width, height)
        self._size = max(16, round(width * scale)), max(16, round(height * scale))
        self._scale_x, self._scale_y = width / self._size[0], height / self._size[1]
        self._grid = self._size[0] // PART_SIDE, self._size[1] // PART_SIDE
        self._window = cv2.createHanningWindow(self._size, cv2.CV_32F)
        self._reformatter = VideoReformatter()
        self._last: Grey | None = None

    def advance(self, frame: VideoFrame) -> SceneMotion:
        """Takes the next frame and returns how the scene moved."""
        small = self._reformatter.reformat(frame, *self._size, format="gray", interpolation="AREA")
        grey: Grey = small.to_ndarray().astype(np.uint8, copy=False)
        last, self._last = self._last, grey
        if last is None:
            return SceneMotion()
        difference = _difference(last, grey)
        if difference < STILL_DIFFERENCE:
            return SceneMotion(changes=self._changes(last, grey))
        # The window is multiplied into these arrays, so they must be copies.
        (x, y), _ = cv2.phaseCorrelate(last.astype(np.float32), grey.astype(np.float32), self._window)
        shift = np.array([[1, 0, x], [0, 1, y]])
        shifted = cv2.warpAffine(last, shift, self._size, borderMode=cv2.BORDER_REPLICATE)
        residue = _difference(shifted, grey)
        is_moved = residue <= WORTHWHILE_RESIDUE * difference
        if (
            min(residue, difference) > CUT_DIFFERENCE
            and _correlation(shifted if is_moved else last, grey) < CUT_CORRELATION
        ):
            return SceneMotion(is_cut=True)
        if not is_moved:
            return SceneMotion(changes=self._changes(last, grey))
        changes = self._changes(shifted, grey)
        # A camera that moves shows new things along every edge, all the time.
        changes[[0, -1], :] = 0
        changes[:, [0, -1]] = 0
        return SceneMotion(x * self._scale_x, y * self._scale_y, changes=changes)

    def _changes(self, one: MatLike, other: MatLike) -> MatLike:
        return cv2.resize(cv2.absdiff(one, other), self._grid, interpolation=cv2.INTER_AREA)


def _difference(one: MatLike, other: MatLike) -> float:
    return cv2.norm(one, other, cv2.NORM_L1) / one.size


def _correlation(one: MatLike, other: MatLike) -> float:
    return float(cv2.matchTemplate(one, other, cv2.TM_CCOEFF_NORMED)[0, 0])
