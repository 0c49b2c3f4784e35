from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from services.common.base.errors import FailedPrecondition
from services.processor.classify.classifier import Classifier, ClassifierMissing, open_classifier
from services.processor.models.entry import ModelEntry
from services.processor.models.registry import Registry
from services.processor.models.runtime import Runtime
from services.processor.models.store import ModelStore, sha256_of
from tests.support.onnx_models import entry_for, save_logits

PICTURE = np.zeros((40, 60, 3), np.uint8)


def registry(folder: Path) -> Registry:
    save_logits(folder / "c.onnx", [0.0, 3.0, 1.0])
    (folder / "words.txt").write_text("n01440764 tench, Tinca tinca\ngreat white shark\nn01498041 stingray\n")
    values = {"name": "words", "title": "Words", "task": "labels", "file": "words.txt", "licence": "MIT"}
    words = ModelEntry.model_validate(values | {"sha256": sha256_of(folder / "words.txt"), "size_bytes": 1})
    entry = entry_for(folder / "c.onnx", "c", task="classify", decoder={}, classes={}, labels="words")
    return Registry({"c": entry, "words": words})


def opened(folder: Path) -> Classifier:
    classifier = open_classifier(registry(folder), ModelStore(folder), Runtime())
    assert classifier is not None
    return classifier


def test_labels_come_best_first_with_shares_that_add_up(tmp_path: Path):
    labels = opened(tmp_path).classify(PICTURE)
    assert [each.label for each in labels] == ["great white shark", "stingray", "tench"]
    assert sum(each.score for each in labels) == pytest.approx(1)
    assert labels[0].score == pytest.approx(np.exp(3) / (1 + np.e + np.exp(3)))


def test_no_more_labels_than_asked_for(tmp_path: Path):
    assert len(opened(tmp_path).classify(PICTURE, limit=1)) == 1


@pytest.mark.parametrize("missing", ["c.onnx", "words.txt"])
def test_without_weights_or_labels_there_is_no_classifier(tmp_path: Path, missing: str):
    known = registry(tmp_path)
    (tmp_path / missing).unlink()
    assert open_classifier(known, ModelStore(tmp_path), Runtime()) is None


def test_what_is_missing_is_told_with_the_command_that_gets_it():
    missing = ClassifierMissing()
    assert isinstance(missing, FailedPrecondition)
    assert "scripts/models pull" in missing.message
    assert missing.metadata == {"command": "scripts/models pull"}
