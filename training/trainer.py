"""What training changes, batch by batch: the model, its running average, and the optimizer."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn

from training.loss import Loss, detection_loss
from training.model import Detector, anchor_points

AVERAGE_DECAY = 0.998
WARMUP_STEPS = 200
WEIGHT_DECAY = 0.02
MAX_GRADIENT = 10.0
LAST_RATE = 0.02

Batch = tuple[Tensor, list[Tensor], list[Tensor]]


@dataclass
class Progress:
    """How far a run has come; it goes into the checkpoint."""

    epoch: int = 0
    step: int = 0
    seconds: float = 0.0


@dataclass
class Trainer:
    """Owns a detector in training; `backbone` is the file of ImageNet weights, None to start from nothing."""

    device: torch.device
    backbone: Path | None
    rate: float
    backbone_rate: float
    compiled: bool
    progress: Progress = field(default_factory=Progress)

    def __post_init__(self) -> None:
        self.model = Detector().to(self.device)
        self.model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stub lacks the keyword
        if self.backbone:
            self.model.backbone.load_imagenet(self.backbone)
        self.average = copy.deepcopy(self.model).requires_grad_(False).eval()
        self.prepare()
        self.optimizer = _optimizer(self.model, self.rate, self.backbone_rate if self.backbone else self.rate)
        self._forward = torch.compile(self.model, dynamic=False) if self.compiled else self.model

    def prepare(self) -> None:
        """Sets training mode; a pretrained backbone keeps its statistics, and its shallow layers stay as they are."""
        self.model.train()
        if self.backbone:
            for module in self.model.backbone.modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.eval()
            self.model.backbone.shallow().requires_grad_(False)

    def learn(self, batch: Batch, done: float) -> Loss:
        """Takes one step; `done` is the share of the run that is over, and decides the rate."""
        pixels, targets, ignored = batch
        self._set_rate(done)
        images = pixels.to(self.device).permute(0, 3, 1, 2).float().contiguous(memory_format=torch.channels_last)
        logits, boxes = self._forward(images)
        points, _ = anchor_points(images.shape[2], images.shape[3], self.device)
        loss = detection_loss(
            logits, boxes, points, [t.to(self.device) for t in targets], [i.to(self.device) for i in ignored]
        )
        self.optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss.total)
        nn.utils.clip_grad_norm_(self.model.parameters(), MAX_GRADIENT)
        self.optimizer.step()
        self.progress.step += 1
        self._follow()
        return loss

    def _set_rate(self, done: float) -> None:
        """Warms up, then follows a cosine down to a small share of the base rate."""
        cosine = LAST_RATE + (1 - LAST_RATE) * (1 + math.cos(math.pi * min(1.0, done))) / 2
        for group in self.optimizer.param_groups:
            group["lr"] = group["base_rate"] * cosine * min(1.0, (self.progress.step + 1) / WARMUP_STEPS)

    @torch.no_grad()
    def _follow(self) -> None:
        """Moves the average towards the model, quickly at first."""
        decay = min(AVERAGE_DECAY, (1 + self.progress.step) / (10 + self.progress.step))
        state = self.model.state_dict()
        for name, value in self.average.state_dict().items():
            if value.dtype.is_floating_point:
                value.lerp_(state[name], 1 - decay)

    def save(self, path: Path) -> None:
        """Writes everything that `restore` needs, whole or not at all."""
        state = {
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "progress": vars(self.progress),
        }
        partial = path.with_suffix(".partial")
        torch.save(state, partial)
        partial.replace(path)

    def restore(self, path: Path) -> None:
        """Goes on where the run that wrote the file stopped."""
        saved = torch.load(path, map_location=self.device, weights_only=True)
        self.model.load_state_dict(saved["model"])
        self.average.load_state_dict(saved["average"])
        self.optimizer.load_state_dict(saved["optimizer"])
        self.progress = Progress(**saved["progress"])


def _optimizer(model: Detector, rate: float, backbone_rate: float) -> torch.optim.AdamW:
    """AdamW with a rate of its own for the backbone and no decay on biases and norms."""
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            decay = WEIGHT_DECAY if parameter.ndim > 1 else 0.0
            groups.setdefault((backbone_rate if name.startswith("backbone") else rate, decay), []).append(parameter)
    return torch.optim.AdamW(
        [{"params": p, "lr": r, "base_rate": r, "weight_decay": decay} for (r, decay), p in groups.items()]
    )
