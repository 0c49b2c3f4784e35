from __future__ import annotations

from services.common.media.anonymize.options import AnonymizeOptions, ClassOptions
from services.common.media.vocabulary import CoverStyle, KeptMetadata, Mode, ObjectClass, Shape, Sound
from services.processor.media.options import to_plan


def test_defaults_are_the_same_in_storage_and_in_the_processor() -> None:
    stored, plan = AnonymizeOptions(), to_plan(AnonymizeOptions())
    assert plan.object_classes == set(stored.objects)
    for name in ObjectClass:
        assert plan.style_of(name) == stored.style_of(name)
        assert plan.style_of(name).mode is Mode.GRADIENT


def test_options_of_a_class_fill_in_those_of_all_classes() -> None:
    plates = ClassOptions(threshold=0.7, mode=Mode.SOLID, margin=0.0)
    stored = AnonymizeOptions(mode=Mode.BLUR, feather=0.2, color="#ffcc00", classes={ObjectClass.LICENSE_PLATE: plates})
    plan = to_plan(stored)
    assert plan.style_of(ObjectClass.LICENSE_PLATE) == CoverStyle(Mode.SOLID, Shape.BOX, 0.0, 0.2, "#ffcc00")
    assert plan.style_of(ObjectClass.FACE) == CoverStyle(Mode.BLUR, Shape.ELLIPSE, 0.1, 0.2, "#ffcc00")
    assert plan.thresholds == {ObjectClass.LICENSE_PLATE: 0.7}


def test_sound_and_metadata_are_treated_as_the_owner_asks() -> None:
    plan = to_plan(AnonymizeOptions(sound=Sound.BEEP, keep_metadata=(KeptMetadata.CAMERA,)))
    assert (plan.sound, plan.keep_metadata) == (Sound.BEEP, {KeptMetadata.CAMERA})
