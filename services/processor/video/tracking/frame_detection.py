"""Detection in the frames of a video: upright, in colour, and no larger than the detector needs them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter

from services.common.media.vocabulary import Box, ObjectClass
from services.processor.video.orientation import Orientation
from services.processor.video.tracking.appearance import Appearance, appearances
from services.processor.vision.detections import Detection, Detector, Picture, TileShare

LONGEST_SIDE: Final = 1280
"""Detectors see no more of a frame than this, in pixels of its longer side."""
FOLLOWING_SCORE: Final = 0.6
"""An object once found is followed through detections that score this share of its threshold."""


def frame_shrink(width: int, height: int) -> float:
    """The part of its width and height to which a frame is shrunk before a detector sees it."""
    return min(1.0, LONGEST_SIDE / max(width, height))


class VideoDetector(Detector, Protocol):
    """A detector that states its thresholds, so that weaker detections can be asked for too, and its cost."""

    @property
    def thresholds(self) -> Mapping[ObjectClass, float]:
        """The score from which a detection counts, of each class."""
        ...

    def frame_cost(
        self, width: int, height: int, classes: frozenset[ObjectClass], tile_share: TileShare | None
    ) -> float:
        """The usual CPU seconds of `detect_frame`, which depend on no clock: frames are chosen by them."""
        ...


@dataclass(frozen=True, slots=True)
class FrameDetections:
    """The detections in a frame, how each of them looks, and the CPU seconds of the thread that they took."""

    detections: list[Detection]
    appearances: list[Appearance]
    cost_seconds: float


class FrameDetector:
    """Detects in frames of one size and orientation; `detect` may be called by several threads."""

    def __init__(
        self,
        width: int,
        height: int,
        orientation: Orientation,
        detector: VideoDetector,
        classes: frozenset[ObjectClass],
        thresholds: Mapping[ObjectClass, float],
    ) -> None:
        self._detector = detector
        self._classes = classes
        self._thresholds = {kind: FOLLOWING_SCORE * threshold for kind, threshold in thresholds.items()}
        self._orientation = orientation
        shrink = frame_shrink(width, height)
        self._size = max(2, round(width * shrink)), max(2, round(height * shrink))
        self._scale = width / self._size[0], height / self._size[1]
        self._reformatter = VideoReformatter()

    def cost_seconds(self, tile_share: TileShare | None) -> float:
        """Returns the usual cost of a frame."""
        width, height = self._orientation.upright_size(*self._size)
        return self._detector.frame_cost(width, height, self._classes, tile_share)

    def picture_of(self, frame: VideoFrame) -> Picture:
        """Returns the upright picture of a frame."""
        shown = self._reformatter.reformat(frame, *self._size, format="bgr24", interpolation="AREA")
        return self._orientation.upright_picture(shown.to_ndarray().astype(np.uint8, copy=False))

    def detect(self, picture: Picture, tile_share: TileShare | None = None) -> FrameDetections:
        """Returns detections in pixels of the frame."""
        started = time.thread_time()
        found = self._detector.detect_frame(picture, self._classes, self._thresholds, tile_share)
        detections = [Detection(one.object_class, one.score, self._in_frame(one.box)) for one in found]
        return FrameDetections(detections, appearances(picture, found), time.thread_time() - started)

    def _in_frame(self, box: Box) -> Box:
        turned = self._orientation.frame_box(box, *self._size)
        x, y = self._scale
        return Box(turned.left * x, turned.top * y, turned.right * x, turned.bottom * y)
