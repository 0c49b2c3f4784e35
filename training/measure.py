"""How well boxes were found: average precision, and the recall that a wanted precision allows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.data import Boxes, Picture

MATCH_IOU = 0.5
WANTED_PRECISION = 0.7
MIN_AREA = 32 * 32


@dataclass(frozen=True)
class ClassResult:
    """How well one class is found: `recall` is the best one at a precision of at least .7, reached at `threshold`."""

    objects: int
    average_precision: float
    recall: float
    precision: float
    threshold: float


def iou_matrix(a: Boxes, b: Boxes) -> NDArray[np.float32]:
    """The intersection over union [len(a), len(b)] of every pair of corner boxes."""
    shared = shared_area(a, b)
    union = box_area(a)[:, None] + box_area(b)[None] - shared
    return np.asarray(shared / np.maximum(union, 1e-6), np.float32)


def shared_area(a: Boxes, b: Boxes) -> NDArray[np.float32]:
    """The area [len(a), len(b)] that every pair of corner boxes shares."""
    low, high = np.maximum(a[:, None, :2], b[None, :, :2]), np.minimum(a[:, None, 2:], b[None, :, 2:])
    return np.asarray(np.clip(high - low, 0, None).prod(-1), np.float32)


def box_area(boxes: Boxes) -> NDArray[np.float32]:
    """The area of each corner box."""
    return np.asarray((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]), np.float32)


def measure(c: int, pictures: Iterable[Picture], detections: list[Boxes]) -> ClassResult:
    """Scores class `c` on the files where people labelled it; small objects and ignored regions do not count."""
    outcomes: list[tuple[float, bool]] = []
    objects = 0
    for picture, found in zip(pictures, detections, strict=True):
        if c not in picture.human_classes:
            continue
        boxes = picture.boxes[picture.boxes[:, 0] == c, 1:]
        large = box_area(boxes) >= MIN_AREA
        objects += int(large.sum())
        mine = found[found[:, 0] == c]
        outcomes += _match(mine[np.argsort(-mine[:, 1])], boxes, large, picture.ignored[picture.ignored[:, 0] == c, 1:])
    outcomes.sort(key=lambda o: -o[0])
    hits = np.cumsum([hit for _, hit in outcomes]) if outcomes else np.zeros(0)
    precision = hits / np.arange(1, len(hits) + 1)
    recall = hits / max(objects, 1)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    average = float(np.sum(np.diff(recall, prepend=0.0) * envelope))
    good = np.flatnonzero(precision >= WANTED_PRECISION)
    if not len(good):
        return ClassResult(objects, average, 0.0, 0.0, 1.0)
    i = int(good[-1])
    return ClassResult(objects, average, float(recall[i]), float(precision[i]), float(outcomes[i][0]))


def _match(found: Boxes, boxes: Boxes, large: NDArray[np.bool_], ignored: Boxes) -> list[tuple[float, bool]]:
    """The score of each detection that counts, and whether it hit; a box can be hit once, large boxes first."""
    free = np.ones(len(boxes), bool)
    overlaps = iou_matrix(found[:, 2:], boxes)
    outcomes = []
    for row, overlap in zip(found, overlaps, strict=True):
        usable = np.where(free & (overlap >= MATCH_IOU), overlap + large, 0.0)
        if len(usable) and usable.max() > 0:
            best = int(usable.argmax())
            free[best] = False
            if large[best]:
                outcomes.append((float(row[1]), True))
            continue
        area = box_area(row[None, 2:])
        inside = bool(len(ignored)) and bool(
            (shared_area(row[None, 2:], ignored)[0] / np.maximum(area, 1e-6) >= 0.5).any()
        )
        if area[0] >= MIN_AREA and not inside:
            outcomes.append((float(row[1]), False))
    return outcomes
