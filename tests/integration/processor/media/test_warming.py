from __future__ import annotations

from pathlib import Path

from services.common.media.anonymize.options import DEFAULT_OBJECTS
from services.processor.classify.classifier import open_classifier
from services.processor.detect.detector import open_detector
from services.processor.media.warming import warm_up
from services.processor.models.registry import load_registry
from services.processor.models.runtime import Runtime
from services.processor.models.store import ModelStore


def test_every_model_that_a_usual_photo_needs_has_run_before_there_is_one(tmp_path: Path) -> None:
    ran: set[str] = set()
    runtime = Runtime(observe=lambda name, _: ran.add(name))
    registry, store = load_registry(tmp_path), ModelStore(tmp_path)
    detector, classifier = open_detector(registry, store, runtime), open_classifier(registry, store, runtime)
    assert classifier is not None
    warm_up(detector, classifier)
    assert ran == {detector.serving[name].name for name in DEFAULT_OBJECTS} | {classifier.entry.name}
