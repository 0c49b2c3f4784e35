"""The first picture that a user uploads: its faces and its plate are found by the detector that comes with the mesh."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from scripts.mesh.sample import ensure_sample
from services.common.media.vocabulary import Box, ObjectClass
from services.processor.anonymize.options import AnonymizeOptions
from services.processor.detect.detector import ComposedDetector, open_detector
from services.processor.models.registry import load_registry
from services.processor.models.runtime import Runtime
from services.processor.models.store import ModelStore
from services.processor.photo.photo import anonymize_photo

FACES = Box(134, 260, 320, 490), Box(394, 310, 550, 504)
PLATE = Box(670, 427, 810, 463)


@pytest.fixture(scope="module")
def bundled() -> ComposedDetector:
    registry = load_registry()
    names = frozenset(entry.name for entry in registry if entry.bundled)
    return open_detector(registry, ModelStore(Path("models")), Runtime(), only=names)


def test_faces_and_plate_are_found_and_covered(bundled: ComposedDetector, tmp_path: Path) -> None:
    photo = ensure_sample(tmp_path)
    result = anonymize_photo(photo, AnonymizeOptions(), bundled)
    faces = sorted((found.box for found in result.objects if found.object_class is ObjectClass.FACE), key=_left)
    plates = [found.box for found in result.objects if found.object_class is ObjectClass.LICENSE_PLATE]
    assert [box.iou(face) > 0.6 for box, face in zip(faces, FACES, strict=True)] == [True, True]
    assert [box.iou(PLATE) > 0.6 for box in plates] == [True]
    covered = cv2.imdecode(np.frombuffer(result.content, np.uint8), cv2.IMREAD_COLOR)
    assert bundled.detect(np.asarray(covered, np.uint8), AnonymizeOptions().object_classes) == []


def test_the_picture_is_rendered_once(tmp_path: Path) -> None:
    path = ensure_sample(tmp_path)
    path.write_bytes(b"mine")
    assert ensure_sample(tmp_path).read_bytes() == b"mine"


def _left(box: Box) -> float:
    return box.left
