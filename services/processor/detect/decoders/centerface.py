"""CenterFace: a face is a peak of a heatmap.

For every cell of stride 4 the model gives the probability that a face's centre lies there, the logarithm of its
height and width in strides, and the centre's offset (down, right) from the middle of the cell in strides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from services.processor.detect.candidates import Candidates, Floats, single_output
from services.processor.detect.decoders.grid import corners


@dataclass(frozen=True, slots=True)
class CenterFaceDecoder:
    """Reads heatmap [b, 1, h, w], scale [b, 2, h, w] and offset [b, 2, h, w].

    `chin` is added below a box, as a share of its height: the model's boxes end above the chin, most of all where a
    mask hides it.
    """

    stride: int = 4
    chin: float = 0.0

    @property
    def tensors(self) -> int:
        """Heatmap, scale and offset; the landmarks behind them are not used."""
        return 3

    def decode(
        self, tensors: Sequence[Floats], width: int, height: int, wanted: Sequence[int], floor: float
    ) -> list[Candidates]:
        """Decode every picture of the batch."""
        found: list[Candidates] = []
        for heatmap, scale, offset in zip(*tensors, strict=True):
            row, column = np.nonzero(heatmap[0] >= floor)
            down, right = offset[:, row, column]
            centres = np.stack([column + right + 0.5, row + down + 0.5], axis=1) * self.stride
            tall, wide = np.exp(scale[:, row, column])
            boxes = corners(centres, np.stack([wide, tall], axis=1) * self.stride)
            boxes[:, 3] += self.chin * (boxes[:, 3] - boxes[:, 1])
            found.append(single_output(boxes.astype(np.float32), heatmap[0, row, column]))
        return found
