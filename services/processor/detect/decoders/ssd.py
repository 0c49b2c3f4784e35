"""LPD-YuNet and its like: boxes as offsets from priors, as the single shot detectors of 2016 have them.

Every cell of every stride carries a few square priors. A box's centre is the prior's plus the offset times the
prior's size times the first variance; its size is the prior's times the exponential of the offset times the second.
The score is the geometric mean of the class's probability and of the predicted overlap. Where the model gives the
object's corners too, as points that are offset like centres, the box around them fits a tilted plate better.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from services.processor.detect.candidates import Candidates, Floats, single_output
from services.processor.detect.decoders.grid import cells, corners


@dataclass(frozen=True, slots=True)
class SsdDecoder:
    """Reads loc [priors, 4 and more], conf [priors, 2] (background first) and iou [priors, 1] of a single picture."""

    strides: tuple[int, ...]
    sizes: tuple[tuple[float, ...], ...]
    variances: tuple[float, float] = (0.1, 0.2)
    corners: tuple[int, ...] = ()
    """The columns of loc where each corner's x stands, before its y."""

    @property
    def tensors(self) -> int:
        """Offsets, probabilities and overlaps."""
        return 3

    def decode(
        self, tensors: Sequence[Floats], width: int, height: int, wanted: Sequence[int], floor: float
    ) -> list[Candidates]:
        """Decode the only picture of the run."""
        offsets, probabilities, overlaps = tensors
        scores = np.sqrt(np.clip(probabilities[:, 1], 0, 1) * np.clip(overlaps[:, 0], 0, 1))
        found = scores >= floor
        centres, sizes = _priors(self.strides, self.sizes, width, height)
        offsets, centres, sizes = offsets[found], centres[found], sizes[found]
        return [single_output(self._boxes(offsets, centres, sizes), scores[found])]

    def _boxes(self, offsets: Floats, centres: Floats, sizes: Floats) -> Floats:
        def point(column: int) -> Floats:
            return centres + offsets[:, column : column + 2] * self.variances[0] * sizes

        if self.corners:
            points = np.stack([point(column) for column in self.corners])
            return np.concatenate([points.min(axis=0), points.max(axis=0)], axis=1)
        return corners(point(0), sizes * np.exp(offsets[:, 2:4] * self.variances[1]))


@lru_cache(maxsize=8)
def _priors(
    strides: tuple[int, ...], sizes: tuple[tuple[float, ...], ...], width: int, height: int
) -> tuple[Floats, Floats]:
    all_centres, all_sizes = [], []
    for stride, squares in zip(strides, sizes, strict=True):
        grid = cells(width // stride, height // stride)
        all_centres.append(np.repeat((grid + 0.5) * stride, len(squares), axis=0))
        all_sizes.append(np.tile(np.array(squares, np.float32), len(grid)))
    side = np.concatenate(all_sizes)
    return np.concatenate(all_centres).astype(np.float32), np.stack([side, side], axis=1)
