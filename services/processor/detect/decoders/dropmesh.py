"""The bundled detector: boxes in pixels and a probability for each class, already decoded inside the model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from services.processor.detect.candidates import Candidates, Floats


@dataclass(frozen=True, slots=True)
class DropmeshDecoder:
    """Reads the single output [batch, places, 4 + classes]: left, top, right, bottom, then the classes' scores."""

    @property
    def tensors(self) -> int:
        """The only one."""
        return 1

    def decode(
        self, tensors: Sequence[Floats], width: int, height: int, wanted: Sequence[int], floor: float
    ) -> list[Candidates]:
        """Decode every picture of the batch."""
        outputs = np.array(wanted, np.intp)
        found: list[Candidates] = []
        for rows in tensors[0]:
            scores = rows[:, 4 + outputs]
            place, column = np.nonzero(scores >= floor)
            found.append(Candidates(rows[place, :4], scores[place, column], outputs[column]))
        return found
