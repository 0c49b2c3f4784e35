"""How much of what a detector finds in every single frame of an original is covered in the anonymized video.

Both videos are anonymized with black, so that the covered pixels can be recognized in both. An object counts
as covered where nearly all of the ellipse inside its box is black.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from services.common.media.vocabulary import Box, ObjectClass
from services.processor.vision.detections import Detector, Picture

BLACK_BELOW = 28
COVERED_SHARE = 0.9
SMALL = (64, 36)
ALIGNED_BY = 60
MOST_SHIFT = 60


@dataclass(frozen=True, slots=True)
class Coverage:
    """Objects found in the original, and those of them that are covered."""

    found: int
    covered: int
    missed: tuple[tuple[int, float, float], ...]
    """Frame, score and width in pixels of each object that is not covered."""

    @property
    def share(self) -> float:
        """From 0 to 1; 1 where nothing was found."""
        return self.covered / self.found if self.found else 1.0


def measure_coverage(original: Path, anonymized: Path, judge: Detector, object_class: ObjectClass) -> Coverage:
    """Let the judge look at every frame of the original, and see what became of it."""
    shift = _shift(original, anonymized)
    outcomes = _pictures(anonymized)
    for _ in range(shift):
        next(outcomes)
    found = covered = 0
    missed = []
    for number, picture in enumerate(_pictures(original)):
        outcome = next(outcomes, None)
        for one in judge.detect(picture, frozenset({object_class})):
            found += 1
            if outcome is not None and _is_black(outcome, one.box, picture.shape):
                covered += 1
            else:
                missed.append((number, one.score, one.box.width))
    return Coverage(found, covered, tuple(missed))


def _is_black(outcome: Picture, box: Box, shape: tuple[int, ...]) -> bool:
    scale_x, scale_y = outcome.shape[1] / shape[1], outcome.shape[0] / shape[0]
    mask = np.zeros(outcome.shape[:2], np.uint8)
    centre = ((box.left + box.right) / 2 * scale_x, (box.top + box.bottom) / 2 * scale_y)
    cv2.ellipse(mask, (centre, (box.width * scale_x, box.height * scale_y), 0.0), 255, -1)
    inside = outcome.max(axis=2)[mask > 0]
    return bool(inside.size) and float((inside < BLACK_BELOW).mean()) >= COVERED_SHARE


def _shift(original: Path, anonymized: Path) -> int:
    """How many frames the anonymized video has before the original's first: `deface` fills what was empty."""
    one = [_small(picture) for picture, _ in zip(_pictures(original), range(ALIGNED_BY), strict=False)]
    other = [_small(picture) for picture, _ in zip(_pictures(anonymized), range(ALIGNED_BY + MOST_SHIFT), strict=False)]
    shifts = range(max(1, len(other) - len(one) + 1))
    return min(
        shifts,
        key=lambda shift: sum(
            float(np.abs(before - after).mean()) for before, after in zip(one, other[shift:], strict=False)
        ),
    )


def _small(picture: Picture) -> NDArray[np.float32]:
    return cv2.resize(picture, SMALL, interpolation=cv2.INTER_AREA).astype(np.float32)


def _pictures(path: Path) -> Iterator[Picture]:
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            yield frame.to_ndarray(format="bgr24").astype(np.uint8, copy=False)
