"""Whether a frame shows something new: a change that neither the camera nor an object that is followed explains."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final

import numpy as np
from cv2.typing import MatLike

from services.common.media.vocabulary import Box

NEW_DIFFERENCE: Final = 16.0
"""Levels of grey, on average over a part of the picture."""
USUAL_PERCENT: Final = 90
OUTSTANDING: Final = 2.2
"""A new object changes its part so many times as much as so many percent of the parts change."""
AROUND_OBJECT: Final = 0.5
"""How far around an object its movement may change the picture, in its own size."""


def shows_something_new(changes: MatLike, width: int, height: int, expected: Iterable[Box]) -> bool:
    """Whether a part of the frame changed where no object is expected; boxes are in pixels of the frame."""
    if changes.max() < NEW_DIFFERENCE:
        return False
    # Where much of the picture moves, a change must stand out from the others.
    unexplained = changes >= max(NEW_DIFFERENCE, OUTSTANDING * np.percentile(changes, USUAL_PERCENT))
    rows, columns = changes.shape[:2]
    for box in expected:
        around = box.expanded(AROUND_OBJECT)
        left, right = around.left / width * columns, around.right / width * columns
        top, bottom = around.top / height * rows, around.bottom / height * rows
        unexplained[
            max(0, math.floor(top)) : max(0, math.ceil(bottom)), max(0, math.floor(left)) : max(0, math.ceil(right))
        ] = False
    return bool(unexplained.any())
