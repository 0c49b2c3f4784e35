from __future__ import annotations

from dataclasses import replace

import pytest

from services.common.media.anonymize.options import AnonymizeOptions, ClassOptions, ExcludedObject
from services.common.media.anonymize.regions import Region
from services.common.media.vocabulary import Box, KeptMetadata, Mode, ObjectClass, Shape, Sound, TrackPoint

ONE, OTHER = Box(1, 2, 30, 40), Box(5, 6, 70, 80)
DEFAULTS = AnonymizeOptions()


def test_options_that_mean_the_same_have_the_same_digest() -> None:
    one = AnonymizeOptions(
        objects=(ObjectClass.FACE, ObjectClass.VEHICLE),
        regions=(Region.resting(ONE), Region.resting(OTHER)),
        classes={ObjectClass.FACE: ClassOptions(threshold=0.5), ObjectClass.VEHICLE: ClassOptions(margin=0.25)},
    )
    other = AnonymizeOptions(
        objects=(ObjectClass.VEHICLE, ObjectClass.FACE, ObjectClass.FACE),
        regions=(Region.resting(OTHER), Region.resting(Box(1.0, 2.0, 30.0, 40.0)), Region.resting(OTHER)),
        classes={
            ObjectClass.VEHICLE: ClassOptions(margin=0.25),
            ObjectClass.FACE: ClassOptions(threshold=0.5),
            # Persons are not searched, so their options mean nothing.
            ObjectClass.PERSON: ClassOptions(threshold=0.9),
        },
    )
    assert one.digest() == other.digest()


def test_a_shape_that_is_the_usual_one_means_the_same() -> None:
    faces, plates = (AnonymizeOptions(objects=(one,)) for one in (ObjectClass.FACE, ObjectClass.LICENSE_PLATE))
    assert replace(faces, shape=Shape.ELLIPSE).digest() == faces.digest()
    assert replace(plates, shape=Shape.BOX).digest() == plates.digest()
    assert replace(DEFAULTS, shape=Shape.BOX).digest() != DEFAULTS.digest()


@pytest.mark.parametrize(
    "changed",
    [
        replace(DEFAULTS, objects=(ObjectClass.FACE,)),
        replace(DEFAULTS, mode=Mode.SOLID),
        replace(DEFAULTS, shape=Shape.BOX),
        replace(DEFAULTS, margin=0.2),
        replace(DEFAULTS, feather=0.1),
        replace(DEFAULTS, regions=(Region.resting(ONE),)),
        replace(DEFAULTS, regions=(Region(Region.resting(ONE).keyframes, 1),)),
        replace(DEFAULTS, regions=(Region(Region.resting(ONE).keyframes, 0, 1),)),
        replace(DEFAULTS, regions=(Region((TrackPoint(0, ONE), TrackPoint(1, OTHER))),)),
        replace(DEFAULTS, exempt=(Region.resting(ONE),)),
        replace(DEFAULTS, excluded=(ExcludedObject(1, ObjectClass.FACE, ONE),)),
        replace(DEFAULTS, excluded=(ExcludedObject(1, ObjectClass.FACE, ONE, 10**9),)),
        replace(DEFAULTS, classes={ObjectClass.FACE: ClassOptions(threshold=0.4)}),
        replace(DEFAULTS, classes={ObjectClass.FACE: ClassOptions(mode=Mode.SOLID)}),
        replace(DEFAULTS, classes={ObjectClass.FACE: ClassOptions(shape=Shape.BOX)}),
        replace(DEFAULTS, classes={ObjectClass.FACE: ClassOptions(margin=0)}),
        replace(DEFAULTS, classes={ObjectClass.FACE: ClassOptions(feather=0.1)}),
        replace(DEFAULTS, sound=Sound.DROP),
        replace(DEFAULTS, keep_metadata=(KeptMetadata.CAMERA,)),
    ],
)
def test_every_option_changes_the_digest(changed: AnonymizeOptions) -> None:
    assert changed.digest() != DEFAULTS.digest()


def test_a_colour_counts_where_it_is_seen() -> None:
    yellow = replace(DEFAULTS, color="#ffcc00")
    assert yellow.digest() == DEFAULTS.digest()
    assert replace(yellow, mode=Mode.SOLID).digest() != replace(DEFAULTS, mode=Mode.SOLID).digest()
    one = replace(DEFAULTS, classes={ObjectClass.FACE: ClassOptions(mode=Mode.SOLID, color="#ffcc00")})
    assert one.digest() != replace(DEFAULTS, classes={ObjectClass.FACE: ClassOptions(mode=Mode.SOLID)}).digest()


def test_options_of_a_class_that_say_what_counts_anyway_mean_the_same() -> None:
    named = ClassOptions(mode=DEFAULTS.mode, shape=Shape.ELLIPSE, margin=DEFAULTS.margin, feather=0.0)
    assert replace(DEFAULTS, classes={ObjectClass.FACE: named}).digest() == DEFAULTS.digest()


def test_the_number_of_an_excluded_object_means_nothing_beside_its_place() -> None:
    first, second = (replace(DEFAULTS, excluded=(ExcludedObject(one, ObjectClass.FACE, ONE),)) for one in (1, 2))
    assert first.digest() == second.digest()
