"""Turns pictures into training canvases: mosaic, scale, crop, flip, colour, tint, grey and cut-outs."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from training.data import Boxes, Picture, Pictures, Pixels

PADDING = 114
# The longest side that pictures have when the trained model looks at them; scales are drawn around it, so that a small
# canvas shows crops with objects of their real size instead of dwarfs.
REFERENCE_SIDE = 416
# A cropped box stays a target while this share of it is visible, and is ignored while anything worth it is.
KEEP_VISIBLE = 0.4
# Boxes with a side under this many canvas pixels are ignored: too small to learn, too visible to be background.
MIN_SIDE = 5.0
# How often a crop is chosen to hold an object.
OBJECT_SHARE = 0.75


@dataclass(frozen=True)
class Sample:
    """A square canvas with its targets and ignored regions, both [n, 5]: class, x1, y1, x2, y2 in pixels."""

    pixels: Pixels
    boxes: Boxes
    ignored: Boxes


def compose(pictures: Pictures, index: int, others: list[int], size: int, rng: Generator) -> Sample:
    """Makes a canvas of the picture alone or, if `others` are given, a mosaic of it with three others."""
    canvas = np.full((size, size, 3), PADDING, np.uint8)
    if others:
        x, y = (int(v) for v in rng.uniform(0.3, 0.7, 2) * size)
        tiles = [(0, 0, x, y), (x, 0, size, y), (0, y, x, size), (x, y, size, size)]
    else:
        tiles = [(0, 0, size, size)]
    boxes, ignored = [], []
    for tile, i in zip(tiles, [index, *others], strict=True):
        placed, skipped = _place(pictures[i], canvas, tile, rng)
        boxes.append(placed)
        ignored.append(skipped)
    all_boxes = np.concatenate(boxes)
    _cut_out(canvas, all_boxes, rng)
    return Sample(canvas, all_boxes, np.concatenate(ignored))


def _place(picture: Picture, canvas: Pixels, tile: tuple[int, int, int, int], rng: Generator) -> tuple[Boxes, Boxes]:
    left, top, right, bottom = tile
    width, height = right - left, bottom - top
    source_height, source_width = picture.pixels.shape[:2]
    longest = max(source_width, source_height)
    fit = min(width / source_width, height / source_height)
    full = REFERENCE_SIDE / longest
    # Between the whole picture inside the tile and the size that the detector will see, sometimes beyond either.
    scale = np.exp(rng.uniform(np.log(min(fit, full) * 0.8), np.log(max(fit, full) * 1.25)))
    scale_x, scale_y = scale * np.exp(rng.uniform(-0.12, 0.12, 2))
    crop_width = min(source_width, max(1, round(width / scale_x)))
    crop_height = min(source_height, max(1, round(height / scale_y)))
    centre_x, centre_y = _point_of_interest(picture, rng)
    crop_x = _crop_start(source_width, crop_width, centre_x, rng)
    crop_y = _crop_start(source_height, crop_height, centre_y, rng)
    out_width = min(width, max(1, round(crop_width * scale_x)))
    out_height = min(height, max(1, round(crop_height * scale_y)))
    crop = picture.pixels[crop_y : crop_y + crop_height, crop_x : crop_x + crop_width]
    shrinks = scale < 0.6
    pixels = cv2.resize(crop, (out_width, out_height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    flipped = rng.random() < 0.5
    if flipped:
        pixels = pixels[:, ::-1]
    pixels = _recolour(np.ascontiguousarray(pixels), rng)
    x = left + int(rng.integers(0, width - out_width + 1))
    y = top + int(rng.integers(0, height - out_height + 1))
    canvas[y : y + out_height, x : x + out_width] = pixels

    factor = np.array([out_width / crop_width, out_height / crop_height] * 2, np.float32)
    origin = np.array([crop_x, crop_y] * 2, np.float32)
    limit = np.array([out_width, out_height] * 2, np.float32)
    corner = np.array([x, y] * 2, np.float32)

    def moved(boxes: Boxes) -> tuple[Boxes, NDArray[np.bool_], NDArray[np.bool_]]:
        corners = (boxes[:, 1:] - origin) * factor
        area = _area(corners)
        clipped = np.clip(corners, 0, limit)
        if flipped:
            clipped = np.stack([out_width - clipped[:, 2], clipped[:, 1], out_width - clipped[:, 0], clipped[:, 3]], 1)
        visible = _area(clipped) / np.maximum(area, 1e-6)
        placed = np.concatenate([boxes[:, :1], clipped + corner], 1).astype(np.float32)
        return placed, visible >= KEEP_VISIBLE, visible > 0

    boxes, kept, seen = moved(picture.boxes)
    side = np.minimum(boxes[:, 3] - boxes[:, 1], boxes[:, 4] - boxes[:, 2])
    good = kept & (side >= MIN_SIDE)
    regions, _, region_seen = moved(picture.ignored)
    return boxes[good], np.concatenate([boxes[~good & seen], regions[region_seen]])


def _point_of_interest(picture: Picture, rng: Generator) -> tuple[float, float]:
    """The centre of one of the boxes, mostly, so that few canvases are empty; else any point."""
    if len(picture.boxes) and rng.random() < OBJECT_SHARE:
        _, x1, y1, x2, y2 = picture.boxes[rng.integers(len(picture.boxes))].tolist()
        return (x1 + x2) / 2, (y1 + y2) / 2
    height, width = picture.pixels.shape[:2]
    return rng.uniform(0, width), rng.uniform(0, height)


def _crop_start(length: int, crop: int, centre: float, rng: Generator) -> int:
    low, high = np.clip([centre - 0.85 * crop, centre - 0.15 * crop], 0, length - crop)
    return int(rng.uniform(low, high))


def _area(corners: Boxes) -> Boxes:
    return (corners[:, 2] - corners[:, 0]) * (corners[:, 3] - corners[:, 1])


def _recolour(pixels: Pixels, rng: Generator) -> Pixels:
    if rng.random() < 0.08:
        pixels = _grey(pixels)
    contrast = rng.uniform(0.7, 1.35)
    gain = np.full(3, contrast)
    if rng.random() < 0.25:
        gain *= rng.uniform(0.65, 1.35, 3)
    offset = 118 * (1 - contrast) + rng.uniform(-30, 30)
    table = np.clip(np.arange(256)[:, None] * gain + offset, 0, 255).astype(np.uint8)
    pixels = np.asarray(cv2.LUT(pixels, table.reshape(256, 1, 3)), np.uint8)
    if rng.random() < 0.4:
        keep = rng.uniform(0.4, 1.5)
        pixels = np.asarray(cv2.addWeighted(pixels, keep, _grey(pixels), 1 - keep, 0), np.uint8)
    if rng.random() < 0.06:
        pixels = np.asarray(cv2.GaussianBlur(pixels, (3, 3), 0), np.uint8)
    return pixels


def _grey(pixels: Pixels) -> Pixels:
    return np.asarray(cv2.cvtColor(cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR), np.uint8)


def _cut_out(canvas: Pixels, boxes: Boxes, rng: Generator) -> None:
    for _, x1, y1, x2, y2 in boxes[rng.random(len(boxes)) < 0.12]:
        width, height = (x2 - x1) * rng.uniform(0.2, 0.5), (y2 - y1) * rng.uniform(0.2, 0.5)
        x, y = int(rng.uniform(x1, x2 - width)), int(rng.uniform(y1, y2 - height))
        canvas[y : y + int(height), x : x + int(width)] = rng.integers(0, 256, 3)
