"""How an object looks, in few numbers: the colours of its upper, middle and lower part.

Faces look much alike in so few numbers, and license plates entirely: of a face the clothes below it count too, and of
a plate the vehicle around it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from services.common.media.vocabulary import Box, ObjectClass
from services.processor.vision.detections import Detection, Picture

Appearance: TypeAlias = NDArray[np.float64]
"""Shares of colours, 1 in all: for each part the shares of the hues and of the greys."""

PARTS: Final = 3
HUES: Final = 12
GREYS: Final = 6
DARK: Final = 64
_GRID: Final = (12, 12)
_AROUND: Final = {ObjectClass.FACE: (0.4, 0.1, 2.0), ObjectClass.LICENSE_PLATE: (1.0, 3.0, 0.5)}
_INSIDE: Final = (-0.2, 0.0, 0.0)
"""The area that counts beside, above and below the box, as shares of its size; beside a person is the background."""


def appearances(picture: Picture, detections: Sequence[Detection]) -> list[Appearance]:
    """How each of these objects looks in the picture that they were found in."""
    return [_appearance(_part(picture, one.box, *_AROUND.get(one.object_class, _INSIDE))) for one in detections]


class MeanAppearance:
    """The mean of an object's sights."""

    def __init__(self) -> None:
        self._sum: Appearance = np.zeros(PARTS * (HUES + GREYS))
        self._count = 0

    def add(self, appearance: Appearance) -> None:
        """Count one sight."""
        self._sum += appearance
        self._count += 1

    @property
    def mean(self) -> Appearance | None:
        """None before the first sight."""
        return self._sum / self._count if self._count else None


def _part(picture: Picture, box: Box, beside: float, above: float, below: float) -> Picture:
    height, width = picture.shape[:2]
    left = min(max(0, round(box.left - beside * box.width)), width - 1)
    top = min(max(0, round(box.top - above * box.height)), height - 1)
    right = max(left + 1, min(width, round(box.right + beside * box.width)))
    bottom = max(top + 1, min(height, round(box.bottom + below * box.height)))
    return picture[top:bottom, left:right]


def _appearance(picture: Picture) -> Appearance:
    small = cv2.resize(picture, _GRID, interpolation=cv2.INTER_AREA)
    hsv = cv2.cvtColor(small, cv2.COLOR_BGR2HSV).reshape(PARTS, -1, 3).astype(np.float64)
    # A pale or dark pixel has no hue to speak of, and counts as grey by as much.
    chroma = hsv[..., 1] / 255 * np.minimum(1, hsv[..., 2] / DARK)
    part = np.arange(PARTS)[:, None]
    shares: Appearance = np.zeros((PARTS, HUES + GREYS))
    for places, weights, bins in (
        (hsv[..., 0] * (HUES / 180), chroma, np.arange(HUES + 1) % HUES),
        (hsv[..., 2] * ((GREYS - 1) / 255), 1 - chroma, np.minimum(np.arange(GREYS + 1), GREYS - 1) + HUES),
    ):
        # A value between two bins counts for both, so that a little more light changes little.
        below = places.astype(np.int64)
        share = places - below
        np.add.at(shares, (part, bins[below]), weights * (1 - share))
        np.add.at(shares, (part, bins[below + 1]), weights * share)
    found: Appearance = shares.ravel() / shares.sum()
    return found
