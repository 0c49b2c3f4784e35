"""YuNet: faces from a feature pyramid without anchors.

For each stride the model gives a classification score, an objectness score and a box for every cell: the centre as
an offset from the cell in strides, the size as the logarithm of strides. The score is the geometric mean of the two.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from services.processor.detect.candidates import Candidates, Floats, join, single_output
from services.processor.detect.decoders.grid import cells, corners


@dataclass(frozen=True, slots=True)
class YuNetDecoder:
    """Reads cls, obj and bbox of each stride, in this order."""

    strides: tuple[int, ...] = (8, 16, 32)

    @property
    def tensors(self) -> int:
        """Classification, objectness and boxes; the landmarks behind them are not used."""
        return 3 * len(self.strides)

    def decode(
        self, tensors: Sequence[Floats], width: int, height: int, wanted: Sequence[int], floor: float
    ) -> list[Candidates]:
        """Decode every picture of the batch."""
        levels = len(self.strides)
        by_level = [tensors[level::levels] for level in range(levels)]
        return [
            join(
                [
                    _level(stride, [tensor[index] for tensor in level], width, height, floor)
                    for stride, level in zip(self.strides, by_level, strict=True)
                ]
            )
            for index in range(len(tensors[0]))
        ]


def _level(stride: int, tensors: Sequence[Floats], width: int, height: int, floor: float) -> Candidates:
    classification, objectness, offsets = tensors
    scores = np.sqrt(np.clip(classification[:, 0], 0, 1) * np.clip(objectness[:, 0], 0, 1))
    found = scores >= floor
    offsets = offsets[found]
    centres = (cells(width // stride, height // stride)[found] + offsets[:, :2]) * stride
    return single_output(corners(centres, np.exp(offsets[:, 2:]) * stride), scores[found])
