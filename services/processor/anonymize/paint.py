"""Covering pixels, in place: with a ramp between the colours around, with one colour, or with a few averages.

A gradient and one colour keep nothing of an object, the others a handful of averages: at most 3x2 at any size.
Only the areas covered and a seam around them are read, so the cost scales with them and not with the picture.
What an attacker reads from each mode: docs/decisions/covers.md.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from services.common.media.vocabulary import Mode, Shape
from services.processor.anonymize.gradient import paint_gradient
from services.processor.anonymize.pixels import Area, Fill, Pixels
from services.processor.anonymize.plan import Cover

SHORTER_CELLS: Final = 2
LONGER_CELLS: Final = 3
"""Averages along the shorter and the longer side of an object."""
BLUR_CONTRAST: Final = 0.25
"""The part of the differences between its cells that a blur keeps: with all of it detectors still find some faces."""
SMALLEST_CELL_PIXELS: Final = 3.0


def paint_covers(pixels: Pixels, covers: Iterable[Cover], fill: Fill) -> None:
    """Cover these areas of the picture."""
    height, width = pixels.shape[:2]
    placed = [(cover, area) for cover in covers if (area := _area(cover, width, height)) is not None]
    areas = np.array([area for _, area in placed]).reshape(-1, 4)
    for number, (cover, area) in enumerate(placed):
        left, top, right, bottom = area
        covered = pixels[top:bottom, left:right]
        original = np.ascontiguousarray(covered)
        if cover.mode is Mode.GRADIENT:
            painted = paint_gradient(pixels, area, areas[number + 1 :], fill)
        elif cover.mode is Mode.SOLID:
            painted = _solid(original, fill(cover.color))
        else:
            painted = _average(original, cover)
        if cover.shape is Shape.BOX and cover.feather == 0:
            covered[...] = painted
        else:
            covered[...] = _blend(painted, original, _weights(cover, left, top, right, bottom))


def _area(cover: Cover, width: int, height: int) -> Area | None:
    """The left, top, right and bottom of the pixels that a cover changes, its soft edge included."""
    outer = cover.box.expanded(cover.feather).clipped(width, height)
    left, top = math.floor(outer.left), math.floor(outer.top)
    right, bottom = math.ceil(outer.right), math.ceil(outer.bottom)
    return (left, top, right, bottom) if right > left and bottom > top else None


def _solid(original: Pixels, values: Sequence[float]) -> Pixels:
    painted = np.empty_like(original)
    painted[...] = values[0] if original.ndim == 2 else values
    return painted


def _average(original: Pixels, cover: Cover) -> Pixels:
    height, width = original.shape[:2]
    averages = cv2.resize(original, _cells(cover.box.width, cover.box.height), interpolation=cv2.INTER_AREA)
    if cover.mode is Mode.BLUR:
        averages = _fade(averages)
    enlarge = cv2.INTER_NEAREST if cover.mode is Mode.MOSAIC else cv2.INTER_CUBIC
    painted: Pixels = cv2.resize(averages, (width, height), interpolation=enlarge)
    return painted.reshape(original.shape)


def _cells(width: float, height: float) -> tuple[int, int]:
    """How many averages a cover keeps along its width and its height."""
    cell = max(min(width, height) / SHORTER_CELLS, SMALLEST_CELL_PIXELS)
    columns, rows = (min(max(1, round(side / cell)), LONGER_CELLS) for side in (width, height))
    return columns, rows


def _fade(averages: Pixels) -> Pixels:
    mean = averages.mean(axis=(0, 1), keepdims=True)
    faded: Pixels = mean + BLUR_CONTRAST * (averages - mean)
    return faded.astype(averages.dtype)


def _weights(cover: Cover, left: int, top: int, right: int, bottom: int) -> NDArray[np.float32]:
    """How much of the cover each pixel shows: 1 inside the shape, falling to 0 at the end of the soft edge."""
    box = cover.box
    half_width, half_height = max(box.width / 2, 0.5), max(box.height / 2, 0.5)
    x = np.abs((np.arange(left, right, dtype=np.float32) + 0.5 - (box.left + box.right) / 2) / half_width)
    y = np.abs((np.arange(top, bottom, dtype=np.float32) + 0.5 - (box.top + box.bottom) / 2) / half_height)
    if cover.shape is Shape.ELLIPSE:
        distance = np.sqrt(np.square(x)[None, :] + np.square(y)[:, None])
    else:
        distance = np.maximum(x[None, :], y[:, None])
    if cover.feather == 0:
        inside: NDArray[np.float32] = (distance <= 1).astype(np.float32)
        return inside
    # `expanded` grows a box by its whole width, `distance` counts in halves.
    soft = 2 * np.float32(cover.feather)
    weights: NDArray[np.float32] = np.clip((1 + soft - distance) / soft, 0, 1, dtype=np.float32)
    return weights


def _blend(painted: Pixels, original: Pixels, weights: NDArray[np.float32]) -> Pixels:
    if original.dtype == np.uint8:
        blended: Pixels = cv2.blendLinear(painted, original, weights, 1 - weights)
        return blended.reshape(original.shape)
    shown = weights if original.ndim == 2 else weights[..., None]
    mixed = original + (painted.astype(np.float32) - original) * shown
    rounded: Pixels = mixed if original.dtype == np.float32 else np.rint(mixed)
    return rounded.astype(original.dtype)
