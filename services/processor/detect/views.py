"""The views of a picture: the whole picture and, if that would shrink it too much, overlapping parts of it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from services.processor.models.entry import Input, Tiles


@dataclass(frozen=True, slots=True)
class View:
    """A part of a picture, in its pixels, and the size of the input that it is scaled into (its top left corner)."""

    left: int
    top: int
    right: int
    bottom: int
    scale: float
    input_width: int
    input_height: int

    @property
    def scaled_width(self) -> int:
        """The width of the part once scaled."""
        return min(self.input_width, max(1, round((self.right - self.left) * self.scale)))

    @property
    def scaled_height(self) -> int:
        """The height of the part once scaled."""
        return min(self.input_height, max(1, round((self.bottom - self.top) * self.scale)))


def plan_views(width: int, height: int, model_input: Input, tiles: Tiles | None) -> list[View]:
    """The whole picture first, then its parts if it has any."""
    whole = _view(0, 0, width, height, model_input)
    if tiles is None or whole.scale * tiles.max_downscale >= 1:
        return [whole]
    columns, rows = _grid(width, height, model_input, tiles)
    return [
        whole,
        *(
            _view(left, top, right, bottom, model_input)
            for top, bottom in _spans(height, rows, tiles.overlap)
            for left, right in _spans(width, columns, tiles.overlap)
        ),
    ]


def _view(left: int, top: int, right: int, bottom: int, model_input: Input) -> View:
    width, height = right - left, bottom - top
    scale = min(model_input.width / width, model_input.height / height)
    if model_input.stride is None:
        return View(left, top, right, bottom, scale, model_input.width, model_input.height)
    if not model_input.enlarge:
        scale = min(scale, 1.0)
    stride = model_input.stride
    input_width = math.ceil(round(width * scale) / stride) * stride
    input_height = math.ceil(round(height * scale) / stride) * stride
    return View(left, top, right, bottom, scale, max(stride, input_width), max(stride, input_height))


def _grid(width: int, height: int, model_input: Input, tiles: Tiles) -> tuple[int, int]:
    downscale = tiles.max_downscale
    while True:
        columns = _parts(width, model_input.width * downscale, tiles.overlap)
        rows = _parts(height, model_input.height * downscale, tiles.overlap)
        if columns * rows <= tiles.limit:
            return columns, rows
        downscale *= 1.05


def _parts(length: int, part: float, overlap: float) -> int:
    return max(1, math.ceil((length - part * overlap) / (part * (1 - overlap)) - 1e-6))


def _spans(length: int, parts: int, overlap: float) -> list[tuple[int, int]]:
    part = length / (parts - (parts - 1) * overlap)
    starts = [round(index * part * (1 - overlap)) for index in range(parts)]
    return [(start, min(length, start + math.ceil(part))) for start in starts]
