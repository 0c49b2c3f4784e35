"""The views of a picture: the whole, overlapping parts where the whole would be shrunk too much, and turned ones."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from services.processor.models.entry import Input, Tiles

LEVEL_STEP = 2.5
"""Parts on a further level are shrunk by so much more than those of the finer one: an object that is too large for
the parts of one level is looked at on the next."""
WORTHWHILE_STEP = 1.5
"""A further level is left out where the whole picture is shrunk by little more."""
TURNED_SHARE = 0.4
"""Turned views of a large picture have at least this share of its sides, as far as the model's input allows."""
AROUND_PLACE = 0.5
"""How much of its surroundings is seen with a place, on each side, as a share of its longer side."""


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
    quarter_turns: int = 0
    """How often the scaled part is turned by 90 degrees, counter-clockwise, before the model sees it."""

    @property
    def scaled_width(self) -> int:
        """The width of the part once scaled, before it is turned."""
        return self._scaled(self.right - self.left, self.input_height if self._lies else self.input_width)

    @property
    def scaled_height(self) -> int:
        """The height of the part once scaled, before it is turned."""
        return self._scaled(self.bottom - self.top, self.input_width if self._lies else self.input_height)

    @property
    def input_megapixels(self) -> float:
        """The size of the input, on which the time of a run depends."""
        return self.input_width * self.input_height / 1e6

    def is_part_of(self, width: int, height: int) -> bool:
        """Whether the view leaves out something of a picture of this size."""
        return self.right - self.left < width or self.bottom - self.top < height

    @property
    def _lies(self) -> bool:
        return self.quarter_turns % 2 == 1

    def _scaled(self, length: int, room: int) -> int:
        return min(room, max(1, round(length * self.scale)))


def plan_views(width: int, height: int, model_input: Input, tiles: Tiles | None, coarser: float = 1.0) -> list[View]:
    """The whole picture first, then its parts if it has any; they are shrunk `coarser` times as much as planned."""
    whole = _view(0, 0, width, height, model_input)
    views = [whole]
    if tiles is None:
        return views
    downscale, step = tiles.max_downscale * coarser, 1.0
    while whole.scale * downscale * step < 1:
        columns = _parts(width, model_input.width * downscale, tiles.overlap)
        rows = _parts(height, model_input.height * downscale, tiles.overlap)
        views += [
            _view(left, top, right, bottom, model_input)
            for top, bottom in _spans(height, rows, tiles.overlap)
            for left, right in _spans(width, columns, tiles.overlap)
        ]
        downscale, step = downscale * LEVEL_STEP, WORTHWHILE_STEP
    return views


def plan_turned_views(width: int, height: int, model_input: Input, longest_side: int) -> list[View]:
    """The whole picture, shrunk to this side, or a larger one of a larger picture, and turned left and right."""
    side = min(model_input.width, max(longest_side, round(TURNED_SHARE * max(width, height))))
    small = model_input.model_copy(update={"width": side, "height": side, "enlarge": False})
    upright = _view(0, 0, width, height, small)
    return [
        View(0, 0, width, height, upright.scale, upright.input_height, upright.input_width, turns) for turns in (1, 3)
    ]


def plan_closer_view(width: int, height: int, stride: int, place: Sequence[float], longest_side: int) -> View:
    """A place in a picture of this size, with its surroundings; its longer side is scaled to so many pixels."""
    left, top, right, bottom = place
    length = max(right - left, bottom - top, 1.0)
    around = AROUND_PLACE * length
    sides = max(0, math.floor(left - around)), max(0, math.floor(top - around))
    ends = min(width, math.ceil(right + around)), min(height, math.ceil(bottom + around))
    return _scaled_view(*sides, *ends, longest_side / length, stride)


def _view(left: int, top: int, right: int, bottom: int, model_input: Input) -> View:
    width, height = right - left, bottom - top
    scale = min(model_input.width / width, model_input.height / height)
    if model_input.stride is None:
        return View(left, top, right, bottom, scale, model_input.width, model_input.height)
    if not model_input.enlarge:
        scale = min(scale, 1.0)
    return _scaled_view(left, top, right, bottom, scale, model_input.stride)


def _scaled_view(left: int, top: int, right: int, bottom: int, scale: float, stride: int) -> View:
    input_width = math.ceil(round((right - left) * scale) / stride) * stride
    input_height = math.ceil(round((bottom - top) * scale) / stride) * stride
    return View(left, top, right, bottom, scale, max(stride, input_width), max(stride, input_height))


def _parts(length: int, part: float, overlap: float) -> int:
    return max(1, math.ceil((length - part * overlap) / (part * (1 - overlap)) - 1e-6))


def _spans(length: int, parts: int, overlap: float) -> list[tuple[int, int]]:
    part = length / (parts - (parts - 1) * overlap)
    starts = [round(index * part * (1 - overlap)) for index in range(parts)]
    return [(start, min(length, start + math.ceil(part))) for start in starts]
