"""Which pictures make the canvases of an epoch, and how canvases become a batch."""

from __future__ import annotations

import numpy as np
import torch
from torch.utils.data import Dataset

from training.augment import Sample, compose
from training.data import Pictures
from training.trainer import Batch

# How often a source is drawn, against 1: the video frames of roeu repeat themselves, and persons that people labelled
# are few.
SOURCE_WEIGHTS = {"roeu": 0.45, "mask853": 0.9, "coco256": 3.0, "tinycoco": 3.0, "voc100": 2.5, "oiplates": 1.5}
MOSAIC_SHARE = 0.3


class Canvases(Dataset[Sample]):
    """The canvases of one epoch; each depends only on the seed, the epoch and its number."""

    def __init__(self, pictures: Pictures, size: int, seed: int, epoch: int, count: int, mosaic: bool) -> None:
        self._pictures, self._size, self._mosaic = pictures, size, mosaic
        self._seeds = [seed, epoch]
        weights = np.array([SOURCE_WEIGHTS.get(source, 1.0) for source in pictures.sources])
        rng = np.random.default_rng(self._seeds)
        self._order = rng.choice(len(pictures), size=(count, 4), p=weights / weights.sum())

    def __len__(self) -> int:
        return len(self._order)

    def __getitem__(self, number: int) -> Sample:
        rng = np.random.default_rng([*self._seeds, number])
        first, *others = self._order[number].tolist()
        mosaic = self._mosaic and rng.random() < MOSAIC_SHARE
        return compose(self._pictures, first, others if mosaic else [], self._size, rng)


def collate(samples: list[Sample]) -> Batch:
    """A batch: pixels uint8 [b, h, w, 3], and for each picture its targets and its ignored regions."""
    pixels = torch.from_numpy(np.stack([s.pixels for s in samples]))
    return pixels, [torch.from_numpy(s.boxes) for s in samples], [torch.from_numpy(s.ignored) for s in samples]
