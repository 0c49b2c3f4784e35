"""The protocol of a decoder, which interprets the raw outputs of one family of models."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from services.processor.detect.candidates import Candidates, Floats


class Decoder(Protocol):
    """Turns one run's outputs into candidates, one for each picture of the batch.

    Promises: boxes are in pixels of the input tensor; every candidate's score is at least `floor`; only the outputs
    (the model's own numbering of classes) named in `wanted` appear; nothing is suppressed yet.
    """

    @property
    def tensors(self) -> int:
        """How many of the model's output tensors are needed, counted from the first."""
        ...

    def decode(
        self, tensors: Sequence[Floats], width: int, height: int, wanted: Sequence[int], floor: float
    ) -> list[Candidates]:
        """Decode the outputs of a run on inputs of this size."""
        ...
