"""How much of an object the covers of a picture hide."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from services.common.media.vocabulary import Box, ObjectClass, Shape
from services.processor.anonymize.plan import Cover

Mask: TypeAlias = NDArray[np.bool_]
SAMPLES = 48
"""So many points are looked at on each axis of an object's box."""


def covered_share(object_class: ObjectClass, box: Box, covers: Sequence[Cover]) -> float:
    """From 0 to 1; a face fills the ellipse in its box, everything else its box."""
    x, y = _points(box.left, box.width), _points(box.top, box.height)
    counted = _inside(x, y, box, Shape.ELLIPSE if object_class is ObjectClass.FACE else Shape.BOX)
    hidden = np.zeros_like(counted)
    for cover in covers:
        if cover.box.intersection(box):
            hidden |= _inside(x, y, cover.box, cover.shape)
    return float((hidden & counted).sum() / counted.sum())


def _points(start: float, length: float) -> NDArray[np.float64]:
    return start + (np.arange(SAMPLES) + 0.5) / SAMPLES * length


def _inside(x: NDArray[np.float64], y: NDArray[np.float64], box: Box, shape: Shape) -> Mask:
    across = np.abs(x - (box.left + box.right) / 2) / (box.width / 2)
    down = np.abs(y - (box.top + box.bottom) / 2) / (box.height / 2)
    if shape is Shape.ELLIPSE:
        ellipse: Mask = np.square(across)[None, :] + np.square(down)[:, None] <= 1
        return ellipse
    inside: Mask = (across <= 1)[None, :] & (down <= 1)[:, None]
    return inside
