"""Measures a detector on pictures: average precision, and the recall that a wanted precision allows, for each class."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from training.augment import PADDING
from training.data import Boxes, Picture, Pictures, Pixels
from training.model import CLASSES

MATCH_IOU = 0.5
WANTED_PRECISION = 0.7
MIN_AREA = 32 * 32
MAX_DETECTIONS = 300


@dataclass(frozen=True)
class ClassResult:
    """How well one class is found: `recall` is the best one at a precision of at least .7, reached at `threshold`."""

    objects: int
    average_precision: float
    recall: float
    precision: float
    threshold: float


def letterbox(pixels: Pixels, size: int) -> tuple[Pixels, float]:
    """Scales the longest side to `size` and pads right and bottom up to multiples of 32; gives also the scale."""
    height, width = pixels.shape[:2]
    scale = size / max(height, width)
    new_width, new_height = max(1, round(width * scale)), max(1, round(height * scale))
    resized = cv2.resize(pixels, (new_width, new_height), interpolation=cv2.INTER_LINEAR)
    padded = np.full((-(-new_height // 32) * 32, -(-new_width // 32) * 32, 3), PADDING, np.uint8)
    padded[:new_height, :new_width] = resized
    return padded, scale


def iou_matrix(a: Boxes, b: Boxes) -> NDArray[np.float32]:
    """The intersection over union [len(a), len(b)] of every pair of corner boxes."""
    shared = _shared(a, b)
    union = _areas(a)[:, None] + _areas(b)[None] - shared
    return np.asarray(shared / np.maximum(union, 1e-6), np.float32)


def _shared(a: Boxes, b: Boxes) -> NDArray[np.float32]:
    low, high = np.maximum(a[:, None, :2], b[None, :, :2]), np.minimum(a[:, None, 2:], b[None, :, 2:])
    return np.asarray(np.clip(high - low, 0, None).prod(-1), np.float32)


def _areas(boxes: Boxes) -> NDArray[np.float32]:
    return np.asarray((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]), np.float32)


def suppress(boxes: Boxes, scores: NDArray[np.float32], max_iou: float = 0.6) -> NDArray[np.int64]:
    """Indices of the boxes to keep, best first: each kept one removes those that overlap it by more than `max_iou`."""
    order = np.argsort(-scores, kind="stable")
    kept = []
    while len(order):
        best, rest = order[0], order[1:]
        kept.append(best)
        order = rest[iou_matrix(boxes[best : best + 1], boxes[rest])[0] <= max_iou]
    return np.array(kept, np.int64)


@torch.no_grad()
def detect(model: nn.Module, picture: Picture, size: int, device: torch.device, min_score: float = 0.05) -> Boxes:
    """The model's boxes of a picture as rows class, score, x1, y1, x2, y2 in the picture's own pixels."""
    padded, scale = letterbox(picture.pixels, size)
    images = torch.from_numpy(padded).to(device).permute(2, 0, 1)[None].float()
    logits, corners = model(images)
    scores = logits[0].sigmoid().cpu().numpy()
    height, width = picture.pixels.shape[:2]
    boxes = np.clip(corners[0].cpu().numpy() / scale, 0, [width, height, width, height]).astype(np.float32)
    found = [np.empty((0, 6), np.float32)]
    for c in range(len(CLASSES)):
        index = np.flatnonzero(scores[:, c] >= min_score)
        index = index[np.argsort(-scores[index, c])[: 2 * MAX_DETECTIONS]]
        index = index[suppress(boxes[index], scores[index, c])[:MAX_DETECTIONS]]
        found.append(np.concatenate([np.full((len(index), 1), c), scores[index, c : c + 1], boxes[index]], 1))
    return np.concatenate(found).astype(np.float32)


def evaluate(model: nn.Module, pictures: Pictures, size: int, device: torch.device) -> dict[str, ClassResult]:
    """Scores each class on the files where people labelled it; small objects and ignored regions do not count."""
    model.eval()
    detections = [detect(model, picture, size, device) for picture in pictures]
    return {name: _class_result(c, pictures, detections) for c, name in enumerate(CLASSES)}


def _class_result(c: int, pictures: Pictures, detections: list[Boxes]) -> ClassResult:
    outcomes: list[tuple[float, bool]] = []
    objects = 0
    for picture, found in zip(pictures, detections, strict=True):
        if c not in picture.human_classes:
            continue
        boxes = picture.boxes[picture.boxes[:, 0] == c, 1:]
        large = _areas(boxes) >= MIN_AREA
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
        area = _areas(row[None, 2:])
        inside = bool(len(ignored)) and bool((_shared(row[None, 2:], ignored)[0] / np.maximum(area, 1e-6) >= 0.5).any())
        if area[0] >= MIN_AREA and not inside:
            outcomes.append((float(row[1]), False))
    return outcomes
