"""From the candidates of all views to one box an object: suppression with a vote, and pieces cut by a tile's edge."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.processor.detect.candidates import Floats

CANDIDATE_LIMIT = 6000
"""So many of the best candidates are looked at; a picture of noise must not cost a quadratic amount of time.

A face in a picture of several parts has ten of them or more, so that the last of a crowd of 600 is among these. As many
candidates that are all of different objects cost 0.6 s of CPU.
"""

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


@dataclass(frozen=True, slots=True)
class Sameness:
    """When two boxes are of one object: their overlap, or how much of the smaller one they share."""

    iou: float
    within: float = 1.0


def merge(boxes: Floats, scores: Floats, cut: NDArray[np.bool_], sameness: Sameness) -> tuple[Floats, Floats]:
    """One box and score an object, by falling score.

    The best of the boxes that are of one object gives the score, and all of them vote on where it is, by the square of
    theirs. Boxes that are `cut` have no vote, for they know only a part; one of them goes when most of it lies in a
    whole box, however good that one is: the whole box says the same of the same object, and more.
    """
    order = np.argsort(-scores, kind="stable")[:CANDIDATE_LIMIT]
    remaining = np.concatenate([order[~cut[order]], order[cut[order]]])
    area = areas(boxes)
    kept: list[np.intp] = []
    voted: list[Floats] = []
    while len(remaining):
        best = remaining[0]
        shared = intersections(boxes[remaining], boxes[best])
        own = area[remaining]
        same = shared > sameness.iou * (own + area[best] - shared)
        same |= shared > sameness.within * np.minimum(own, area[best])
        same[0] = True
        kept.append(best)
        voters = remaining[same & ~cut[remaining]]
        voted.append(boxes[best] if len(voters) <= 1 else _vote(boxes[voters], scores[voters]))
        if not cut[best]:
            same |= cut[remaining] & (shared >= PIECE_COVERED * own)
        remaining = remaining[~same]
    if not kept:
        return boxes[:0], scores[:0]
    by_score = np.argsort(-scores[kept], kind="stable")
    return np.stack(voted)[by_score].astype(np.float32), scores[kept][by_score]


def _vote(boxes: Floats, scores: Floats) -> Floats:
    # The smallest of weights lets boxes vote that score nothing, where a caller asks for such.
    place: Floats = np.average(boxes, axis=0, weights=scores**2 + np.float32(1e-9)).astype(np.float32)
    return place
