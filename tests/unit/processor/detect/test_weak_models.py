from __future__ import annotations

from pathlib import Path

from services.common.media.vocabulary import MediaKind, ObjectClass, WarningReason
from services.processor.detect.weak_models import small_objects, weak_models
from services.processor.models.entry import ModelEntry
from services.processor.models.registry import load_registry

REGISTRY = load_registry()


def serving(*, bundled: bool) -> dict[ObjectClass, ModelEntry]:
    """The preferred model of each class, of the bundled ones alone or of all."""
    return {
        object_class: next(entry for entry in REGISTRY.detectors_of(object_class) if entry.bundled or not bundled)
        for object_class in ObjectClass
    }


def test_the_bundled_model_is_weak_for_persons_and_vehicles_and_the_advice_names_a_better_one() -> None:
    weak = weak_models(REGISTRY, serving(bundled=True))
    assert weak.keys() == {ObjectClass.PERSON, ObjectClass.VEHICLE}
    person = weak[ObjectClass.PERSON]
    assert (person.reason, person.recall, person.model) == (WarningReason.WEAK_MODEL, 0.52, "models/dropmesh")
    assert "`scripts/models pull yolox-nano` (recall 78%)" in person.advice
    assert "52%" in person.message


def test_the_pulled_models_are_not_weak() -> None:
    assert weak_models(REGISTRY, serving(bundled=False)) == {}


def test_a_class_without_a_model_is_told() -> None:
    found = serving(bundled=True)
    del found[ObjectClass.FACE]
    warning = weak_models(REGISTRY, found)[ObjectClass.FACE]
    assert (warning.reason, warning.recall) == (WarningReason.NO_MODEL, None)
    assert "scripts/models pull yunet" in warning.advice


def test_the_command_of_the_advice_is_there() -> None:
    assert (Path(__file__).parents[4] / "scripts" / "models").is_file()


def test_a_picture_too_large_for_small_objects_gets_a_warning_with_their_size():
    (warning,) = small_objects({ObjectClass.LICENSE_PLATE: 92.4}, MediaKind.IMAGE)
    assert (warning.reason, warning.smallest_pixels) == (WarningReason.SMALL_OBJECTS, 93)
    assert "a license plate of less than 93 pixels" in warning.message
    assert "DROPMESH_DETECTION_SECONDS" in warning.advice


def test_time_is_no_advice_for_a_video_since_its_frames_are_shrunk_to_one_size():
    (warning,) = small_objects({ObjectClass.FACE: 84.0}, MediaKind.VIDEO)
    assert "in a video of this size, a face of less than 84 pixels" in warning.message
    assert "DROPMESH_DETECTION_SECONDS" not in warning.advice
