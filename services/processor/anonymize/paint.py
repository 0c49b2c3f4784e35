"""Covering pixels, in place: with a ramp between the colours around, with one colour, or with a few averages.

A gradient and one colour keep nothing of an object, the others a handful of averages: at most 3x2 at any size.
Only the areas covered and a seam around them are read, so the cost scales with them and not with the picture.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from services.common.media.vocabulary import BLACK, Mode, Shape
from services.processor.anonymize.plan import Cover

Pixels: TypeAlias = NDArray[Any]
"""Height x width, or height x width x up to 4 channels; of uint8, uint16 or float32. Any view will do."""
Fill: TypeAlias = Callable[[str], Sequence[float]]
"""A colour, given as #rrggbb, as one number a channel."""

SHORTER_CELLS: Final = 2
LONGER_CELLS: Final = 3
"""Averages along the shorter and the longer side of an object."""
BLUR_CONTRAST: Final = 0.25
"""The part of the differences between its cells that a blur keeps: with all of it detectors still find some faces."""
SMALLEST_CELL_PIXELS: Final = 3.0
SEAM_SHARE: Final = 0.05
"""How wide the seam around a cover is from which a gradient takes its colours, as a share of the shorter side."""
MOST_SEAM_PIXELS: Final = 8


def paint_covers(pixels: Pixels, covers: Iterable[Cover], fill: Fill) -> None:
    """Cover these areas of the picture."""
    for cover in covers:
        _paint(pixels, cover, fill)


def _paint(pixels: Pixels, cover: Cover, fill: Fill) -> None:
    height, width = pixels.shape[:2]
    outer = cover.box.expanded(cover.feather).clipped(width, height)
    left, top = math.floor(outer.left), math.floor(outer.top)
    right, bottom = math.ceil(outer.right), math.ceil(outer.bottom)
    if right <= left or bottom <= top:
        return
    area = pixels[top:bottom, left:right]
    original = np.ascontiguousarray(area)
    if cover.mode is Mode.GRADIENT:
        painted = _gradient(pixels, (left, top, right, bottom), fill)
    elif cover.mode is Mode.SOLID:
        painted = _solid(original, fill(cover.color))
    else:
        painted = _average(original, cover)
    if cover.shape is Shape.BOX and cover.feather == 0:
        area[...] = painted
    else:
        area[...] = _blend(painted, original, _weights(cover, left, top, right, bottom))


def _solid(original: Pixels, values: Sequence[float]) -> Pixels:
    painted = np.empty_like(original)
    painted[...] = values[0] if original.ndim == 2 else values
    return painted


def _gradient(pixels: Pixels, area: tuple[int, int, int, int], fill: Fill) -> Pixels:
    """A ramp between four colours, each the average of the seam outside of one corner; no pixel inside is read."""
    left, top, right, bottom = area
    seam = min(math.ceil(SEAM_SHARE * min(right - left, bottom - top)), MOST_SEAM_PIXELS)
    outer_left, outer_top = max(0, left - seam), max(0, top - seam)
    middle_x, middle_y = (left + right) // 2, (top + bottom) // 2
    columns = slice(outer_left, middle_x), slice(middle_x, right + seam)
    rows = slice(top, middle_y), slice(middle_y, bottom)
    above_below = slice(outer_top, top), slice(bottom, bottom + seam)
    beside = slice(outer_left, left), slice(right, right + seam)
    corners = [
        _average_color((pixels[above_below[y], columns[x]], pixels[rows[y], beside[x]])) for y in (0, 1) for x in (0, 1)
    ]
    known = [corner for corner in corners if corner is not None]
    # A cover of the whole picture has no seam.
    usual = np.mean(known, axis=0) if known else np.asarray(fill(BLACK))
    grid = np.array([usual if corner is None else corner for corner in corners])
    if pixels.dtype != np.float32:
        grid = np.rint(grid)
    ramp = cv2.resize(grid.astype(pixels.dtype).reshape(2, 2, -1), (right - left, bottom - top))
    return ramp.reshape(bottom - top, right - left, *pixels.shape[2:])


def _average_color(strips: Iterable[Pixels]) -> NDArray[np.float64] | None:
    """The average of all pixels of some strips; None where there are none."""
    total, count = np.zeros(4), 0
    for strip in strips:
        pixels = strip.shape[0] * strip.shape[1]
        if pixels:
            total += np.multiply(cv2.mean(np.ascontiguousarray(strip)), pixels)
            count += pixels
    channels = next(iter(strips)).shape[2:]
    return total[: channels[0] if channels else 1] / count if count else None


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
