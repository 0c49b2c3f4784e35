"""A small picture of a video: its first frame."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from services.common.media.refusals import DamagedMedia
from services.processor.video.limits import VideoLimits
from services.processor.video.orientation import Orientation
from services.processor.video.source import VideoSource, display_matrix

QUALITY = 80


def video_thumbnail(path: Path, longest_side: int, limits: VideoLimits, threads: int) -> bytes:
    """The first frame that can be decoded, upright, as a JPEG; never enlarged."""
    with VideoSource(path, limits, threads) as source:
        first = next(source.frames(), None)
        if first is None:
            raise DamagedMedia(source.header.format, "no frame can be decoded")
        picture = first.frame.to_ndarray(format="bgr24").astype(np.uint8, copy=False)
        matrix = display_matrix(first.frame)
    if matrix is not None:
        picture = Orientation.of_display_matrix(matrix).upright_picture(picture)
    height, width = picture.shape[:2]
    shrink = min(1.0, longest_side / max(width, height))
    size = max(1, round(width * shrink)), max(1, round(height * shrink))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    _, encoded = cv2.imencode(".jpg", small, (cv2.IMWRITE_JPEG_QUALITY, QUALITY))
    return encoded.tobytes()
