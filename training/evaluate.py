"""Runs a detector on pictures and measures each class."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from training.augment import PADDING
from training.data import CLASSES, Boxes, Picture, Pictures, Pixels
from training.measure import ClassResult, iou_matrix, measure

MAX_DETECTIONS = 300


def letterbox(pixels: Pixels, size: int) -> tuple[Pixels, float]:
    """Scales the longest side to `size` and pads right and bottom up to multiples of 32; gives also the scale."""
    height, width = pixels.shape[:2]
    scale = size / max(height, width)
    new_width, new_height = max(1, round(width * scale)), max(1, round(height * scale))
    resized = cv2.resize(pixels, (new_width, new_height), interpolation=cv2.INTER_LINEAR)
    padded = np.full((-(-new_height // 32) * 32, -(-new_width // 32) * 32, 3), PADDING, np.uint8)
    padded[:new_height, :new_width] = resized
    return padded, scale


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
    """Runs the model on every picture and measures each class."""
    model.eval()
    detections = [detect(model, picture, size, device) for picture in pictures]
    return {name: measure(c, pictures, detections) for c, name in enumerate(CLASSES)}
