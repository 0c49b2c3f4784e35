"""How the frames of a video must be turned to be upright: one of eight ways, as the container's display matrix says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from services.common.media.vocabulary import Box
from services.processor.vision.detections import Picture

FIXED_POINT_ONE = 1 << 16


@dataclass(frozen=True, slots=True)
class Orientation:
    """Upright x is a*x + c*y and upright y is b*x + d*y, shifted so that the picture starts at 0."""

    a: int = 1
    b: int = 0
    c: int = 0
    d: int = 1

    @classmethod
    def of_display_matrix(cls, matrix: Sequence[int]) -> Orientation:
        """Read the nine numbers of a display matrix; what is no quarter turn counts as upright."""
        a, b, c, d = (round(matrix[index] / FIXED_POINT_ONE) for index in (0, 1, 3, 4))
        straight = abs(a) == abs(d) == 1 and b == c == 0
        turned = abs(b) == abs(c) == 1 and a == d == 0
        return cls(a, b, c, d) if straight or turned else cls()

    @property
    def swaps_sides(self) -> bool:
        """Whether the width of a frame is the height of the upright picture."""
        return self.a == 0

    def upright_size(self, width: int, height: int) -> tuple[int, int]:
        """The width and height of the upright picture."""
        return (height, width) if self.swaps_sides else (width, height)

    def upright_picture(self, picture: Picture) -> Picture:
        """Turn the picture of a frame upright."""
        if self == Orientation():
            return picture
        turned = picture.transpose(1, 0, 2) if self.swaps_sides else picture
        if self.a + self.c < 0:
            turned = turned[:, ::-1]
        if self.b + self.d < 0:
            turned = turned[::-1]
        return np.ascontiguousarray(turned)

    def upright_box(self, box: Box, width: float, height: float) -> Box:
        """Where a box of a frame of this size lies in the upright picture."""
        left, right = (
            _span(self.a, box.left, box.right, width) if self.a else _span(self.c, box.top, box.bottom, height)
        )
        top, bottom = (
            _span(self.d, box.top, box.bottom, height) if self.d else _span(self.b, box.left, box.right, width)
        )
        return Box(left, top, right, bottom)

    def frame_box(self, box: Box, width: float, height: float) -> Box:
        """Where a box of the upright picture lies in its frame; `width` and `height` are the frame's."""
        if not self.swaps_sides:
            return self.upright_box(box, width, height)
        left, right = _span(self.b, box.top, box.bottom, width)
        top, bottom = _span(self.c, box.left, box.right, height)
        return Box(left, top, right, bottom)


def _span(direction: int, start: float, end: float, length: float) -> tuple[float, float]:
    return (start, end) if direction > 0 else (length - end, length - start)
