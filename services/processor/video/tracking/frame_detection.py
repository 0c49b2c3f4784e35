"""Showing frames to a detector: upright, in colour, and not larger than it needs them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Final, Protocol

import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter

from services.common.media.vocabulary import Box, ObjectClass
from services.processor.video.orientation import Orientation
from services.processor.vision.detections import Detection, Detector, Picture, Share

LONGEST_SIDE: Final = 1280
"""Detectors see no more of a frame than this, in pixels of its longer side."""
FOLLOWING_SHARE: Final = 0.6
"""An object once found is followed through detections that score this share of what finds it."""


class VideoDetector(Detector, Protocol):
    """A detector that tells from which scores on its detections count, so that weaker ones can be asked for too."""

    @property
    def thresholds(self) -> Mapping[ObjectClass, float]:
        """The score from which a detection counts, of each class."""
        ...


class Eye:
    """Looks at frames of one size and orientation; `look` may be called by several threads."""

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
        self._thresholds = {kind: FOLLOWING_SHARE * threshold for kind, threshold in thresholds.items()}
        self._orientation = orientation
        shrink = min(1.0, LONGEST_SIDE / max(width, height))
        self._size = max(2, round(width * shrink)), max(2, round(height * shrink))
        self._scale = width / self._size[0], height / self._size[1]
        self._reformatter = VideoReformatter()

    def show(self, frame: VideoFrame) -> Picture:
        """The upright picture of a frame."""
        shown = self._reformatter.reformat(frame, *self._size, format="bgr24", interpolation="AREA")
        return self._orientation.upright_picture(shown.to_ndarray().astype(np.uint8, copy=False))

    def look(self, picture: Picture, share: Share | None = None) -> tuple[list[Detection], float]:
        """Detect, in pixels of the frame; with the seconds of this thread's processor that it took."""
        started = time.thread_time()
        if share is None:
            found = self._detector.detect(picture, self._classes, self._thresholds)
        else:
            found = self._detector.glance(picture, self._classes, self._thresholds, share)
        detections = [Detection(one.object_class, one.score, self._in_frame(one.box)) for one in found]
        return detections, time.thread_time() - started

    def _in_frame(self, box: Box) -> Box:
        turned = self._orientation.frame_box(box, *self._size)
        x, y = self._scale
        return Box(turned.left * x, turned.top * y, turned.right * x, turned.bottom * y)
