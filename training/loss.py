"""The loss: varifocal on the scores, generalised IoU on the boxes, nothing inside ignored regions."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from training.assign import assign

BOX_WEIGHT = 2.5
NEGATIVE_WEIGHT = 0.75
NEGATIVE_POWER = 2.0


@dataclass(frozen=True)
class Loss:
    """The parts of the loss of a batch, already weighted."""

    scores: Tensor
    boxes: Tensor

    @property
    def total(self) -> Tensor:
        """What training lowers."""
        return self.scores + self.boxes


def detection_loss(logits: Tensor, boxes: Tensor, points: Tensor, targets: list[Tensor], ignored: list[Tensor]) -> Loss:
    """The loss of a batch: logits and boxes [b, n, 4], and for each picture its targets and ignored regions [m, 5]."""
    probabilities = logits.detach().sigmoid()
    assigned = [assign(p, b, points, t) for p, b, t in zip(probabilities, boxes.detach(), targets, strict=True)]
    wanted = torch.stack([a.scores for a in assigned])
    positive = torch.stack([a.positive for a in assigned])
    target_boxes = torch.stack([a.boxes for a in assigned])
    negatives = NEGATIVE_WEIGHT * probabilities.pow(NEGATIVE_POWER)
    negatives *= torch.stack([_counts(points, regions, logits.shape[-1]) for regions in ignored])
    weight = torch.where(wanted > 0, wanted, negatives)
    scale = wanted.sum().clamp(min=1.0)
    score_loss = (functional.binary_cross_entropy_with_logits(logits, wanted, reduction="none") * weight).sum() / scale
    importance = wanted.sum(-1)[positive]
    overlap = _generalised_iou(boxes[positive], target_boxes[positive])
    return Loss(score_loss, BOX_WEIGHT * ((1 - overlap) * importance).sum() / scale)


def _counts(points: Tensor, regions: Tensor, classes: int) -> Tensor:
    """1 where an anchor may be called background for a class, 0 where a region of that class forbids it."""
    counts = torch.ones(len(points), classes, device=points.device)
    if len(regions):
        inside = ((points[:, None] >= regions[None, :, 1:3]) & (points[:, None] <= regions[None, :, 3:5])).all(-1)
        for c in range(classes):
            counts[inside[:, regions[:, 0] == c].any(1), c] = 0.0
    return counts


def _generalised_iou(a: Tensor, b: Tensor) -> Tensor:
    low, high = torch.maximum(a[:, :2], b[:, :2]), torch.minimum(a[:, 2:], b[:, 2:])
    shared = (high - low).clamp(min=0).prod(-1)
    union = (a[:, 2:] - a[:, :2]).prod(-1) + (b[:, 2:] - b[:, :2]).prod(-1) - shared
    hull = (torch.maximum(a[:, 2:], b[:, 2:]) - torch.minimum(a[:, :2], b[:, :2])).prod(-1)
    return shared / union.clamp(min=1e-6) - (hull - union) / hull.clamp(min=1e-6)
