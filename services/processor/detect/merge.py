"""From the candidates of all views to one box an object: non-maximum suppression, and pieces cut by a tile's edge."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from services.processor.detect.candidates import Floats

CANDIDATE_LIMIT = 2000
"""So many of the best candidates are looked at; a picture of noise must not cost a quadratic amount of time."""

PIECE_COVERED = 0.6
"""A piece cut by a tile's edge goes when a whole box covers this share of it."""


def intersections(boxes: Floats, box: Floats) -> Floats:
    """The area that each box shares with one box."""
    width = np.minimum(boxes[:, 2], box[2]) - np.maximum(boxes[:, 0], box[0])
    height = np.minimum(boxes[:, 3], box[3]) - np.maximum(boxes[:, 1], box[1])
    shared: Floats = np.maximum(width, 0) * np.maximum(height, 0)
    return shared


def areas(boxes: Floats) -> Floats:
    """The area of each box."""
    area: Floats = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    return area


def suppress(boxes: Floats, scores: Floats, cut: NDArray[np.bool_], iou: float) -> NDArray[np.intp]:
    """The indexes of the boxes to keep, by falling score.

    A box goes when a better one overlaps it by more than `iou`; a `cut` one also when most of it lies in a kept box
    that is whole, however good that one is: the whole box says the same of the same object, and more.
    """
    order = np.argsort(-scores, kind="stable")[:CANDIDATE_LIMIT]
    whole_first = np.concatenate([order[~cut[order]], order[cut[order]]])
    area = areas(boxes)
    kept: list[np.intp] = []
    remaining = whole_first
    while len(remaining):
        best, remaining = remaining[0], remaining[1:]
        kept.append(best)
        shared = intersections(boxes[remaining], boxes[best])
        union = area[remaining] + area[best] - shared
        same = shared > iou * union
        if not cut[best]:
            same |= cut[remaining] & (shared >= PIECE_COVERED * area[remaining])
        remaining = remaining[~same]
    chosen = np.array(kept, np.intp)
    return chosen[np.argsort(-scores[chosen], kind="stable")]
