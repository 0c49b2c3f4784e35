"""YOLOX: one stage, anchor-free, exported before its grid is decoded.

Each cell of each stride gives x, y, width, height, objectness and a probability for every class; the centre is an
offset from the cell in strides, the size the logarithm of strides, the score objectness times probability.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from services.processor.detect.candidates import Candidates, Floats
from services.processor.detect.decoders.grid import cells, corners


@dataclass(frozen=True, slots=True)
class YoloxDecoder:
    """Reads the single output [batch, cells, 5 + classes]."""

    strides: tuple[int, ...] = (8, 16, 32)

    @property
    def tensors(self) -> int:
        """The only one."""
        return 1

    def decode(
        self, tensors: Sequence[Floats], width: int, height: int, wanted: Sequence[int], floor: float
    ) -> list[Candidates]:
        """Decode every picture of the batch."""
        grids = [cells(width // stride, height // stride) for stride in self.strides]
        grid = np.concatenate(grids)
        strides = np.repeat(np.array(self.strides, np.float32), [len(part) for part in grids])[:, None]
        outputs = np.array(wanted, np.intp)
        found: list[Candidates] = []
        for rows in tensors[0]:
            scores = rows[:, 4:5] * rows[:, 5 + outputs]
            cell, column = np.nonzero(scores >= floor)
            chosen = rows[cell]
            centres = (grid[cell] + chosen[:, :2]) * strides[cell]
            boxes = corners(centres, np.exp(chosen[:, 2:4]) * strides[cell])
            found.append(Candidates(boxes, scores[cell, column], outputs[column]))
        return found
