"""The detector: an EfficientNet-Lite0 backbone, a light feature pyramid and one anchor-free head for every level."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.data import CLASSES

STRIDES = (8, 16, 32)

# The pixels arrive as the decoder of a JPEG leaves them (BGR, 0-255); the backbone was trained on (RGB - 127) / 128.
PIXEL_MEAN = 127.0
PIXEL_SCALE = 128.0

# Anchors start out sure, at this probability, that they see nothing; otherwise the first steps drown in background.
PRIOR_PROBABILITY = 0.02


@dataclass(frozen=True)
class Stage:
    """A run of inverted residual blocks; the first one changes the width and the stride."""

    expansion: int
    kernel: int
    stride: int
    channels: int
    blocks: int


# EfficientNet-Lite0 without its last stage (320 channels) and its classifier: weights that detection hardly needs.
LITE0 = (
    Stage(1, 3, 1, 16, 1),
    Stage(6, 3, 2, 24, 2),
    Stage(6, 5, 2, 40, 2),
    Stage(6, 3, 2, 80, 3),
    Stage(6, 5, 1, 112, 3),
    Stage(6, 5, 2, 192, 4),
)
STEM_CHANNELS = 32
# Indices into LITE0 whose outputs feed the pyramid, at strides 8, 16 and 32.
PYRAMID_STAGES = (2, 4, 5)


class ConvNorm(nn.Sequential):
    """A convolution and its batch norm, with ReLU6 unless `act` is false."""

    def __init__(self, inp: int, out: int, kernel: int = 1, stride: int = 1, groups: int = 1, act: bool = True) -> None:
        layers: list[nn.Module] = [
            nn.Conv2d(inp, out, kernel, stride, kernel // 2, groups=groups, bias=False),
            nn.BatchNorm2d(out, eps=1e-3, momentum=0.02),
        ]
        if act:
            layers.append(nn.ReLU6(inplace=True))
        super().__init__(*layers)


class Separable(nn.Sequential):
    """A depthwise 5x5 convolution, then a pointwise one: a wide view at a small price."""

    def __init__(self, inp: int, out: int, stride: int = 1) -> None:
        super().__init__(ConvNorm(inp, inp, 5, stride, groups=inp, act=False), ConvNorm(inp, out))


class InvertedResidual(nn.Module):
    """The block of EfficientNet-Lite: widen, filter each channel, narrow, and add the input where shapes allow."""

    def __init__(self, inp: int, out: int, stage: Stage, stride: int) -> None:
        super().__init__()
        wide = inp * stage.expansion
        layers: list[nn.Module] = [] if stage.expansion == 1 else [ConvNorm(inp, wide)]
        layers += [ConvNorm(wide, wide, stage.kernel, stride, groups=wide), ConvNorm(wide, out, act=False)]
        self.layers = nn.Sequential(*layers)
        self.residual = stride == 1 and inp == out

    def forward(self, x: Tensor) -> Tensor:
        """Maps features to features."""
        y: Tensor = self.layers(x)
        return x + y if self.residual else y


class Backbone(nn.Module):
    """EfficientNet-Lite0 up to stride 32; gives the features of strides 8, 16 and 32."""

    channels = tuple(LITE0[i].channels for i in PYRAMID_STAGES)

    def __init__(self) -> None:
        super().__init__()
        self.stem = ConvNorm(3, STEM_CHANNELS, 3, 2)
        width = STEM_CHANNELS
        stages: list[nn.Module] = []
        for stage in LITE0:
            blocks: list[nn.Module] = []
            for i in range(stage.blocks):
                blocks.append(InvertedResidual(width, stage.channels, stage, stage.stride if i == 0 else 1))
                width = stage.channels
            stages.append(nn.Sequential(*blocks))
        self.stages = nn.ModuleList(stages)

    def forward(self, x: Tensor) -> list[Tensor]:
        """Maps normalised RGB pictures to the features of three strides."""
        x = self.stem(x)
        features = []
        for i, stage in enumerate(self.stages):
            x = stage(x)
            if i in PYRAMID_STAGES:
                features.append(x)
        return features

    def shallow(self) -> nn.ModuleList:
        """The layers at strides 2 and 4: the dearest ones to train, and the ones whose edges any task shares."""
        first, second, third, *_ = self.stages
        return nn.ModuleList([self.stem, first, second, next(third.children())])

    def load_imagenet(self, path: Path) -> None:
        """Takes the published ImageNet weights: both networks list the same layers in the same order."""
        published = [
            (name, value)
            for name, value in torch.load(path, map_location="cpu", weights_only=True).items()
            if not name.endswith("num_batches_tracked")
        ]
        own = [(name, value) for name, value in self.state_dict().items() if not name.endswith("num_batches_tracked")]
        for (_, target), (name, value) in zip(own, published, strict=False):
            if target.shape != value.shape:
                raise ValueError(f"{path}: {name} has shape {tuple(value.shape)}, expected {tuple(target.shape)}")
            target.copy_(value)


class Pyramid(nn.Module):
    """Mixes the levels from coarse to fine and back, at one width."""

    def __init__(self, channels: tuple[int, ...], width: int) -> None:
        super().__init__()
        self.lateral = nn.ModuleList(ConvNorm(c, width) for c in channels)
        self.down = nn.ModuleList(Separable(width, width) for _ in channels[1:])
        self.shrink = nn.ModuleList(Separable(width, width, stride=2) for _ in channels[1:])
        self.up = nn.ModuleList(Separable(width, width) for _ in channels[1:])

    def forward(self, features: list[Tensor]) -> list[Tensor]:
        """Maps the backbone's features to as many levels of one width."""
        levels = [lateral(f) for lateral, f in zip(self.lateral, features, strict=True)]
        for i in range(len(levels) - 2, -1, -1):
            levels[i] = self.down[i](
                levels[i] + functional.interpolate(levels[i + 1], scale_factor=2.0, mode="nearest")
            )
        for i in range(1, len(levels)):
            levels[i] = self.up[i - 1](levels[i] + self.shrink[i - 1](levels[i - 1]))
        return levels


class Head(nn.Module):
    """Scores and box sides of one level, each from a branch of its own."""

    def __init__(self, width: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.class_branch = nn.Sequential(Separable(width, width), Separable(width, width))
        self.box_branch = nn.Sequential(Separable(width, width), Separable(width, width))
        self.classes = _output(width, len(CLASSES), -math.log((1 - PRIOR_PROBABILITY) / PRIOR_PROBABILITY))
        self.sides = _output(width, 4, 2.0)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Gives logits [b, n, classes] and the distances [b, n, 4] from the cell to the box's sides, in pixels."""
        logits = self.classes(self.class_branch(x)).flatten(2).transpose(1, 2)
        sides = functional.softplus(self.sides(self.box_branch(x))) * self.stride
        return logits, sides.flatten(2).transpose(1, 2)


def _output(width: int, channels: int, bias: float) -> nn.Conv2d:
    layer = nn.Conv2d(width, channels, 1)
    nn.init.normal_(layer.weight, std=0.01)
    nn.init.constant_(cast(Tensor, layer.bias), bias)
    return layer


class Detector(nn.Module):
    """Gives class logits [b, n, 4] and boxes x1, y1, x2, y2 [b, n, 4] in input pixels for [b, 3, h, w] BGR pictures."""

    def __init__(self, width: int = 96) -> None:
        super().__init__()
        self.backbone = Backbone()
        self.pyramid = Pyramid(self.backbone.channels, width)
        self.heads = nn.ModuleList(Head(width, stride) for stride in STRIDES)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Detects; the sides of the pictures are multiples of 32."""
        x = (images.flip(1) - PIXEL_MEAN) / PIXEL_SCALE
        levels = self.pyramid(self.backbone(x))
        outputs = [head(level) for head, level in zip(self.heads, levels, strict=True)]
        logits = torch.cat([o[0] for o in outputs], 1)
        sides = torch.cat([o[1] for o in outputs], 1)
        points, _ = anchor_points(images.shape[2], images.shape[3], images.device)
        return logits, torch.cat([points - sides[..., :2], points + sides[..., 2:]], -1)


def anchor_points(height: int, width: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """The centres [n, 2] (x, y) of all cells of all levels, in input pixels, and their strides [n]."""
    points, strides = [], []
    for stride in STRIDES:
        ys = (torch.arange(height // stride, device=device) + 0.5) * stride
        xs = (torch.arange(width // stride, device=device) + 0.5) * stride
        grid = torch.stack(torch.meshgrid(xs, ys, indexing="xy"), -1).reshape(-1, 2)
        points.append(grid)
        strides.append(torch.full((grid.shape[0],), float(stride), device=device))
    return torch.cat(points), torch.cat(strides)
