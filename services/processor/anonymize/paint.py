"""Covering pixels, in place: blurred, averaged in blocks or in one colour.

A cover keeps a handful of averages of an object: at most `CELLS` along its shorter side, at any size.
Only the areas covered are read or written, so the cost scales with them and not with the picture.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from services.common.media.vocabulary import Mode, Shape
from services.processor.anonymize.plan import Cover

Pixels: TypeAlias = NDArray[Any]
"""Height x width, or height x width x up to 4 channels; of uint8, uint16 or float32. Any view will do."""

CELLS = {Mode.BLUR: 2, Mode.MOSAIC: 2}
BLUR_CONTRAST = 0.25
"""The part of the differences between its cells that a blur keeps: with all of it detectors still find some faces."""
SMALLEST_CELL_PIXELS = 3.0


def paint_covers(pixels: Pixels, covers: Iterable[Cover], mode: Mode, fill: Sequence[float]) -> None:
    """Cover these areas of the picture; `fill` is the colour of the mode `solid`, one number a channel."""
    for cover in covers:
        _paint(pixels, cover, mode, fill)


def _paint(pixels: Pixels, cover: Cover, mode: Mode, fill: Sequence[float]) -> None:
    height, width = pixels.shape[:2]
    outer = cover.box.expanded(cover.feather).clipped(width, height)
    left, top = math.floor(outer.left), math.floor(outer.top)
    right, bottom = math.ceil(outer.right), math.ceil(outer.bottom)
    if right <= left or bottom <= top:
        return
    area = pixels[top:bottom, left:right]
    original = np.ascontiguousarray(area)
    painted = _solid(original, fill) if mode is Mode.SOLID else _average(original, cover, mode)
    if cover.shape is Shape.BOX and cover.feather == 0:
        area[...] = painted
    else:
        area[...] = _blend(painted, original, _weights(cover, left, top, right, bottom))


def _solid(original: Pixels, fill: Sequence[float]) -> Pixels:
    painted = np.empty_like(original)
    painted[...] = fill[0] if original.ndim == 2 else fill
    return painted


def _average(original: Pixels, cover: Cover, mode: Mode) -> Pixels:
    height, width = original.shape[:2]
    cell = max(min(cover.box.width, cover.box.height) / CELLS[mode], SMALLEST_CELL_PIXELS)
    columns, rows = max(1, round(width / cell)), max(1, round(height / cell))
    averages = cv2.resize(original, (columns, rows), interpolation=cv2.INTER_AREA)
    if mode is Mode.BLUR:
        averages = _fade(averages)
    enlarge = cv2.INTER_NEAREST if mode is Mode.MOSAIC else cv2.INTER_CUBIC
    painted: Pixels = cv2.resize(averages, (width, height), interpolation=enlarge)
    return painted.reshape(original.shape)


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
