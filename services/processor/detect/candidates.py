"""The decoded output of a model, before boxes are merged and classes named."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Candidates:
    """Boxes (left, top, right, bottom) with a score each, and which of the model's outputs said so."""

    boxes: Floats
    scores: Floats
    outputs: NDArray[np.intp]

    def __len__(self) -> int:
        return len(self.scores)

    def only(self, index: NDArray[np.intp] | NDArray[np.bool_]) -> Candidates:
        """The candidates that an index or a mask picks."""
        return Candidates(self.boxes[index], self.scores[index], self.outputs[index])


def single_output(boxes: Floats, scores: Floats) -> Candidates:
    """Candidates of a model that knows one class."""
    return Candidates(boxes, scores, np.zeros(len(scores), np.intp))


def join(parts: list[Candidates]) -> Candidates:
    """All candidates of several parts."""
    return Candidates(
        np.concatenate([part.boxes for part in parts]),
        np.concatenate([part.scores for part in parts]),
        np.concatenate([part.outputs for part in parts]),
    )
