"""A ramp between the colours around a cover: a function of pixels that stay visible, and of no others."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from services.common.media.vocabulary import BLACK
from services.processor.anonymize.pixels import Area, Fill, Pixels

SEAM_SHARE: Final = 0.05
"""How wide the seam around a cover is from which a gradient takes its colours, as a share of the shorter side."""
MOST_SEAM_PIXELS: Final = 8


def paint_gradient(pixels: Pixels, area: Area, later: NDArray[np.int_], fill: Fill) -> Pixels:
    """Four colours, each the average of the seam outside of one corner, and the ramp between them.

    Pixels in areas that are covered later still show objects; the seam leaves them out.
    """
    left, top, right, bottom = area
    width, height = right - left, bottom - top
    seam = min(math.ceil(SEAM_SHARE * min(width, height)), MOST_SEAM_PIXELS)
    outer_left, outer_top = max(0, left - seam), max(0, top - seam)
    around = pixels[outer_top : bottom + seam, outer_left : right + seam]
    left, top = left - outer_left, top - outer_top
    hidden = _hidden(around, later - (outer_left, outer_top) * 2)
    columns = slice(0, left + width // 2), slice(left + width // 2, None)
    rows = slice(top, top + height // 2), slice(top + height // 2, top + height)
    above_below = slice(0, top), slice(top + height, None)
    beside = slice(0, left), slice(left + width, None)
    corners = [
        _average_color(around, ((above_below[y], columns[x]), (rows[y], beside[x])), hidden)
        for y in (0, 1)
        for x in (0, 1)
    ]
    known = [corner for corner in corners if corner is not None]
    # A cover of the whole picture has no seam.
    usual = np.mean(known, axis=0) if known else np.asarray(fill(BLACK))
    grid = np.array([usual if corner is None else corner for corner in corners])
    if pixels.dtype != np.float32:
        grid = np.rint(grid)
    ramp = cv2.resize(grid.astype(pixels.dtype).reshape(2, 2, -1), (width, height))
    return ramp.reshape(height, width, *pixels.shape[2:])


def _hidden(around: Pixels, later: NDArray[np.int_]) -> NDArray[np.uint8] | None:
    """255 where a pixel is covered later, and else 0; None where none is."""
    height, width = around.shape[:2]
    near = later[(later[:, 0] < width) & (later[:, 1] < height) & (later[:, 2] > 0) & (later[:, 3] > 0)]
    if not len(near):
        return None
    hidden = np.zeros((height, width), np.uint8)
    for left, top, right, bottom in near.clip(0):
        hidden[top:bottom, left:right] = 255
    return hidden


def _average_color(
    around: Pixels, strips: Sequence[tuple[slice, slice]], hidden: NDArray[np.uint8] | None
) -> NDArray[np.float64] | None:
    """The average of the pixels of some strips; None where there are none."""
    total, count = np.zeros(4), 0
    for strip in strips:
        pixels = np.ascontiguousarray(around[strip])
        if not pixels.size:
            continue
        mask = None if hidden is None else cv2.bitwise_not(hidden[strip])
        seen = pixels.shape[0] * pixels.shape[1] if mask is None else cv2.countNonZero(mask)
        total += np.multiply(cv2.mean(pixels, mask), seen)
        count += seen
    return total[: around.shape[2] if around.ndim == 3 else 1] / count if count else None
