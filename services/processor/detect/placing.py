"""From a view's candidates to the picture's: which are plausible, where they lie, and which a tile's edge cuts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from services.processor.detect.candidates import Candidates, Floats
from services.processor.detect.views import View
from services.processor.models.entry import Closer, ServedClass, Turned

EDGE_PIXELS = 3
"""A box that comes this close to a tile's edge, in pixels of the input, may go on behind it."""


def with_shapes(candidates: Candidates, classes: Sequence[ServedClass], width: int, height: int) -> Candidates:
    """The candidates of these classes whose boxes have a shape and size that the class can have in such an input."""
    wide = candidates.boxes[:, 2] - candidates.boxes[:, 0]
    tall = candidates.boxes[:, 3] - candidates.boxes[:, 1]
    keep = np.zeros(len(candidates), np.bool_)
    for served in classes:
        narrowest, widest = served.aspect or (0.0, np.inf)
        fits = (wide <= served.largest * width) & (tall <= served.largest * height) if served.largest < 1 else True
        shaped = (wide >= narrowest * tall) & (wide <= widest * tall)
        keep |= np.isin(candidates.outputs, served.outputs) & shaped & fits
    return candidates.only(keep)


def without_unsure(
    candidates: Candidates, searches: Iterable[tuple[ServedClass, Turned | Closer | None]]
) -> Candidates:
    """The candidates of a turned or closer view that score enough for one."""
    keep = np.zeros(len(candidates), np.bool_)
    for served, search in searches:
        if search is not None:
            keep |= np.isin(candidates.outputs, served.outputs) & (candidates.scores >= search.threshold)
    return candidates.only(keep)


def place(candidates: Candidates, view: View, width: int, height: int) -> tuple[Candidates, NDArray[np.bool_]]:
    """The candidates in pixels of the picture, clipped to it, and which of them an inner edge of the view cuts."""
    boxes = _turned_back(candidates.boxes, view) / np.float32(view.scale) + np.array(
        [view.left, view.top] * 2, np.float32
    )
    edge = EDGE_PIXELS / view.scale
    cut = np.zeros(len(boxes), np.bool_)
    if view.left > 0:
        cut |= boxes[:, 0] < view.left + edge
    if view.top > 0:
        cut |= boxes[:, 1] < view.top + edge
    if view.right < width:
        cut |= boxes[:, 2] > view.right - edge
    if view.bottom < height:
        cut |= boxes[:, 3] > view.bottom - edge
    boxes = np.clip(boxes, 0, np.array([width, height] * 2, np.float32))
    inside = (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])
    return Candidates(boxes, candidates.scores, candidates.outputs).only(inside), cut[inside]


def _turned_back(boxes: Floats, view: View) -> Floats:
    """The boxes as they lie before the part was turned."""
    width, height = np.float32(view.scaled_width), np.float32(view.scaled_height)
    left, top, right, bottom = boxes.T
    match view.quarter_turns % 4:
        case 1:
            sides = (width - bottom, left, width - top, right)
        case 2:
            sides = (width - right, height - bottom, width - left, height - top)
        case 3:
            sides = (top, height - right, bottom, height - left)
        case _:
            return boxes
    return np.stack(sides, axis=1)
