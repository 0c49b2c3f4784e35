"""Task-aligned assignment: anchors that already score and place an object well become its targets."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

CANDIDATES = 10
SCORE_POWER = 1.0
IOU_POWER = 6.0
# Objects smaller than a cell may hold no cell centre; they are widened to this half side (pixels) for the choice only.
MIN_HALF_SIDE = 5.0


@dataclass(frozen=True)
class Assignment:
    """Target score [n, classes], the box [n, 4] that each anchor should give, and which anchors [n] have one."""

    scores: Tensor
    boxes: Tensor
    positive: Tensor


def box_iou(a: Tensor, b: Tensor) -> Tensor:
    """The intersection over union [len(a), len(b)] of every pair of boxes."""
    low = torch.maximum(a[:, None, :2], b[None, :, :2])
    high = torch.minimum(a[:, None, 2:], b[None, :, 2:])
    shared = (high - low).clamp(min=0).prod(-1)
    areas = (a[:, 2:] - a[:, :2]).prod(-1)[:, None] + (b[:, 2:] - b[:, :2]).prod(-1)[None]
    return shared / (areas - shared).clamp(min=1e-6)


@torch.no_grad()
def assign(scores: Tensor, boxes: Tensor, points: Tensor, targets: Tensor) -> Assignment:
    """Chooses anchors for `targets` [m, 5] (class, corners) given the predicted scores and boxes of one picture."""
    wanted = torch.zeros_like(scores)
    positive = torch.zeros(len(scores), dtype=torch.bool, device=scores.device)
    if not len(targets):
        return Assignment(wanted, torch.zeros_like(boxes), positive)
    classes, corners = targets[:, 0].long(), targets[:, 1:]
    iou = box_iou(corners, boxes)
    centre = (corners[:, :2] + corners[:, 2:]) / 2
    half = ((corners[:, 2:] - corners[:, :2]) / 2).clamp(min=MIN_HALF_SIDE)
    inside = ((points[None] - centre[:, None]).abs() < half[:, None]).all(-1)
    aligned = scores[:, classes].T.pow(SCORE_POWER) * iou.pow(IOU_POWER) * inside
    best, index = aligned.topk(min(CANDIDATES, aligned.shape[1]), dim=1)
    chosen = torch.zeros_like(inside).scatter_(1, index, best > 0)
    # An anchor that several objects want goes to the one that it overlaps most.
    owner = torch.where(chosen, iou, -1.0).argmax(0)
    positive = chosen.any(0)
    mine = torch.zeros_like(chosen)
    mine[owner, torch.arange(len(scores), device=scores.device)] = positive
    aligned = aligned * mine
    quality = aligned / aligned.amax(1, keepdim=True).clamp(min=1e-12) * (iou * mine).amax(1, keepdim=True)
    value = quality.amax(0)[positive]
    wanted[positive, classes[owner[positive]]] = value
    return Assignment(wanted, corners[owner], positive)
