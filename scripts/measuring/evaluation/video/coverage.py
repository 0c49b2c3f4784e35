"""In how many frames an object of a reference stays uncovered, seen in the pixels of the result."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Final

import numpy as np

from scripts.measuring.evaluation.video.making import first_pictures
from scripts.measuring.evaluation.video.references import Reference
from services.common.media.vocabulary import Box
from services.processor.vision.detections import Picture

COVERED_SHARE: Final = 0.8
"""An object counts as covered where so much of the middle of its box has the colour of a cover."""
_MIDDLE: Final = -0.15
_DARKEST: Final = 40


def open_frames(result: Path, reference: Reference) -> tuple[int, int]:
    """Returns the frames that show an uncovered object, and how many show any object. Covers are black."""
    boxes: defaultdict[int, list[Box]] = defaultdict(list)
    for track in reference.tracks:
        for frame, box in track.items():
            boxes[frame].append(box)
    uncovered = sum(
        any(not _is_covered(picture, box) for box in boxes[number])
        for number, picture in enumerate(first_pictures(result, reference.frames))
        if number in boxes
    )
    return uncovered, len(boxes)


def _is_covered(picture: Picture, box: Box) -> bool:
    height, width = picture.shape[:2]
    middle = box.expanded(_MIDDLE).clipped(width, height)
    area = picture[int(middle.top) : int(middle.bottom) + 1, int(middle.left) : int(middle.right) + 1]
    return bool(area.size == 0 or np.mean(area.max(axis=2) < _DARKEST) >= COVERED_SHARE)
