from __future__ import annotations

import pickle
from dataclasses import replace
from datetime import timedelta

import pytest

from services.common.media.vocabulary import Box, Mode, ObjectClass, Shape
from services.processor.anonymize.options import AnonymizeOptions, ExcludedObject

ONE, OTHER = Box(1, 2, 30, 40), Box(5, 6, 70, 80)
DEFAULTS = AnonymizeOptions()


def test_options_that_mean_the_same_have_the_same_fingerprint() -> None:
    one = AnonymizeOptions(
        object_classes=frozenset([ObjectClass.FACE, ObjectClass.VEHICLE]),
        regions=(ONE, OTHER),
        thresholds={ObjectClass.FACE: 0.5, ObjectClass.VEHICLE: 0.25},
    )
    other = AnonymizeOptions(
        object_classes=frozenset([ObjectClass.VEHICLE, ObjectClass.FACE]),
        regions=(OTHER, Box(1.0, 2.0, 30.0, 40.0)),
        thresholds={ObjectClass.VEHICLE: 0.25, ObjectClass.FACE: 0.5},
    )
    assert one.fingerprint() == other.fingerprint()
    assert one.fingerprint() == pickle.loads(pickle.dumps(one)).fingerprint()


@pytest.mark.parametrize(
    "changed",
    [
        replace(DEFAULTS, object_classes=frozenset({ObjectClass.FACE})),
        replace(DEFAULTS, mode=Mode.SOLID),
        replace(DEFAULTS, shape=Shape.BOX),
        replace(DEFAULTS, margin=0.2),
        replace(DEFAULTS, feather=0.1),
        replace(DEFAULTS, regions=(ONE,)),
        replace(DEFAULTS, exempt=(ONE,)),
        replace(DEFAULTS, excluded=(ExcludedObject(ObjectClass.FACE, ONE),)),
        replace(DEFAULTS, excluded=(ExcludedObject(ObjectClass.FACE, ONE, timedelta(seconds=1)),)),
        replace(DEFAULTS, thresholds={ObjectClass.FACE: 0.4}),
        replace(DEFAULTS, keep_audio=False),
    ],
)
def test_every_option_changes_the_fingerprint(changed: AnonymizeOptions) -> None:
    assert changed.fingerprint() != DEFAULTS.fingerprint()


def test_faces_are_covered_by_ellipses_and_the_rest_by_boxes_unless_a_shape_is_asked_for() -> None:
    assert [DEFAULTS.shape_of(one) for one in ObjectClass] == [Shape.ELLIPSE, Shape.BOX, Shape.BOX, Shape.BOX]
    assert {replace(DEFAULTS, shape=Shape.ELLIPSE).shape_of(one) for one in ObjectClass} == {Shape.ELLIPSE}
