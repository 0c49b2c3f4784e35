"""Labels of a picture, from a softmax classifier."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from dropmesh.v1 import error_reason_pb2

from services.common.base.errors import FailedPrecondition
from services.processor.detect.candidates import Floats
from services.processor.detect.tensor import fill_planes, normalized, scaled
from services.processor.models.entry import Input, ModelEntry
from services.processor.models.registry import Registry
from services.processor.models.runtime import Model, Runtime
from services.processor.models.store import ModelStore
from services.processor.vision.detections import Picture

COMMAND = "scripts/models pull"
_WORDNET_ID = re.compile(r"^n\d{8} ")


class ClassifierMissing(FailedPrecondition):
    """No classifier is installed: nothing is made up in its place."""

    def __init__(self) -> None:
        super().__init__(
            error_reason_pb2.CLASSIFIER_NOT_INSTALLED,
            f"no classifier is installed; get one with: {COMMAND}",
            metadata={"command": COMMAND},
        )


@dataclass(frozen=True, slots=True)
class Classification:
    """One label and its share of certainty, 0 to 1."""

    label: str
    score: float


class Classifier:
    """A model that says which of its labels a picture fits."""

    def __init__(self, entry: ModelEntry, model_input: Input, labels: Sequence[str], model: Model) -> None:
        self.entry = entry
        self._input = model_input
        self._labels = labels
        self._model = model

    def classify(self, picture: Picture, limit: int = 5) -> list[Classification]:
        """The labels that fit best, most certain first."""
        (logits,) = self._model.run(self._tensor(picture)[np.newaxis], 1)
        scores = _softmax(logits[0])
        best = np.argsort(-scores, kind="stable")[:limit]
        return [Classification(self._labels[index], float(scores[index])) for index in best]

    def _tensor(self, picture: Picture) -> Floats:
        """The centre of the picture, as a square of the input's size."""
        height, width = picture.shape[:2]
        side = max(1, round(min(width, height) * self._input.crop))
        top, left = (height - side) // 2, (width - side) // 2
        part = scaled(picture[top : top + side, left : left + side], self._input.width, self._input.height)
        tensor = np.empty((3, self._input.height, self._input.width), np.float32)
        fill_planes(tensor, part, self._input)
        return normalized(tensor, self._input)


def open_classifier(registry: Registry, store: ModelStore, runtime: Runtime) -> Classifier | None:
    """The preferred classifier whose weights and labels are here, if there is one."""
    for entry in registry.classifiers():
        path = store.verified(entry)
        labels = None if entry.labels is None else store.verified(registry[entry.labels])
        if path is not None and labels is not None and entry.input is not None:
            return Classifier(entry, entry.input, _read_labels(labels), Model(entry.name, path, runtime))
    return None


def _read_labels(path: Path) -> list[str]:
    """One label a line, behind a WordNet id where it has one; of several words for it the first says enough."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [_WORDNET_ID.sub("", line).partition(",")[0].strip() for line in lines]


def _softmax(logits: Floats) -> Floats:
    raised = np.exp(logits - logits.max())
    shares: Floats = raised / raised.sum()
    return shares
