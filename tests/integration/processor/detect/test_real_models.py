"""The published weights on real pictures: scripts/evaluate measures them all, here a few must be right."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.measuring.evaluation.labelled import LabelledPicture, media_photos, validation_split
from scripts.measuring.evaluation.matching import Counts, at_least_32_square, tally, unmasked_20_pixels
from services.common.media.vocabulary import ObjectClass
from services.processor.detect.detector import ComposedDetector, open_detector
from services.processor.models.registry import load_registry
from services.processor.models.runtime import Runtime
from services.processor.models.store import ModelStore


@pytest.fixture(scope="module")
def detector(shared_data: Path) -> ComposedDetector:
    names = frozenset({"yunet", "yolox-nano", "dropmesh"})
    return open_detector(load_registry(), ModelStore(shared_data / "models"), Runtime(), only=names)


@pytest.fixture(scope="module")
def pictures(shared_data: Path) -> list[LabelledPicture]:
    names = {"mask853_0014.jpg", "mask853_0161.jpg", "mask853_0509.jpg"}
    val = [picture for picture in validation_split(shared_data) if picture.path.name in names]
    photos = [picture for number, picture in enumerate(media_photos(shared_data)) if number % 4 == 0]
    return [*val, *photos]


@pytest.mark.parametrize(
    ("object_class", "counts", "recall", "precision"),
    [
        (ObjectClass.FACE, unmasked_20_pixels, 0.95, 0.0),
        (ObjectClass.PERSON, at_least_32_square, 0.7, 0.7),
        (ObjectClass.VEHICLE, at_least_32_square, 0.55, 0.7),
        (ObjectClass.LICENSE_PLATE, at_least_32_square, 0.9, 0.9),
    ],
)
def test_people_agree(
    detector: ComposedDetector,
    pictures: list[LabelledPicture],
    object_class: ObjectClass,
    counts: Counts,
    recall: float,
    precision: float,
):
    labelled = [picture for picture in pictures if object_class in picture.classes]
    found = [detector.detect(picture.picture, frozenset({object_class})) for picture in labelled]
    result = tally(labelled, found, object_class, counts)
    assert result.objects >= 3
    assert result.recall() >= recall
    assert result.precision() >= precision
