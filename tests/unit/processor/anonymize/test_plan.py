from __future__ import annotations

from services.common.media.anonymize.regions import Moment, Region
from services.common.media.vocabulary import Box, CoverStyle, Mode, ObjectClass, Shape, TrackPoint
from services.processor.anonymize.options import AnonymizeOptions, ExcludedObject
from services.processor.anonymize.plan import Cover, choose_covered, cover_object, cover_regions, idle_regions
from services.processor.vision.detections import Detection

FACE = Detection(ObjectClass.FACE, 0.9, Box(100, 100, 140, 160))
NEIGHBOUR = Detection(ObjectClass.FACE, 0.8, Box(120, 100, 160, 160))
PLATE = Detection(ObjectClass.LICENSE_PLATE, 0.7, Box(300, 200, 400, 220))


def test_a_margin_is_a_share_of_the_object_on_each_side() -> None:
    cover = cover_object(PLATE.object_class, PLATE.box, AnonymizeOptions(margin=0.5, feather=0.2))
    assert cover == Cover(Box(250, 190, 450, 230), Shape.BOX, Mode.GRADIENT, 0.2)


def test_an_ellipse_goes_around_the_whole_box_of_its_object() -> None:
    cover = cover_object(FACE.object_class, FACE.box, AnonymizeOptions(margin=0))
    reach = ((FACE.box.width / cover.box.width) ** 2 + (FACE.box.height / cover.box.height) ** 2) ** 0.5
    assert cover.shape is Shape.ELLIPSE
    assert 0.999 < reach < 1.001


def test_only_the_classes_asked_for_are_covered() -> None:
    options = AnonymizeOptions(object_classes=frozenset({ObjectClass.FACE}))
    assert choose_covered([FACE, PLATE], options) == [True, False]


def test_an_object_whose_centre_is_exempt_is_not_covered() -> None:
    centre, side = Region.resting(Box(119, 129, 121, 131)), Region.resting(Box(100, 100, 119, 160))
    assert choose_covered([FACE, PLATE], AnonymizeOptions(exempt=(centre,))) == [False, True]
    assert choose_covered([FACE, PLATE], AnonymizeOptions(exempt=(side,))) == [True, True]


def test_an_excluded_object_is_known_again_by_its_place_and_only_one_is_spared() -> None:
    moved = Box(103, 102, 143, 163)
    assert choose_covered([FACE, NEIGHBOUR], _excluding(ObjectClass.FACE, moved)) == [False, True]
    assert choose_covered([NEIGHBOUR, FACE], _excluding(ObjectClass.FACE, moved)) == [True, False]


def test_what_is_not_clearly_the_excluded_object_is_covered() -> None:
    assert choose_covered([FACE], _excluding(ObjectClass.FACE, Box(130, 100, 170, 160))) == [True]
    assert choose_covered([FACE], _excluding(ObjectClass.PERSON, FACE.box)) == [True]


def test_a_class_may_be_covered_in_its_own_way() -> None:
    style = CoverStyle(Mode.SOLID, Shape.BOX, 0, 0.1, "#ffcc00")
    options = AnonymizeOptions(margin=0.5, styles={ObjectClass.LICENSE_PLATE: style})
    cover = cover_object(PLATE.object_class, PLATE.box, options)
    assert cover == Cover(PLATE.box, Shape.BOX, Mode.SOLID, 0.1, "#ffcc00")
    assert cover_object(ObjectClass.VEHICLE, PLATE.box, options).mode is Mode.GRADIENT


def test_regions_are_covered_exactly_and_always() -> None:
    region, everywhere = Region.resting(Box(10, 20, 30, 40)), Region.resting(Box(0, 0, 1000, 1000))
    options = AnonymizeOptions(regions=(region,), exempt=(everywhere,), margin=0.5)
    assert cover_regions(options) == [Cover(Box(10, 20, 30, 40), Shape.BOX, Mode.GRADIENT)]
    assert choose_covered([FACE], options) == [False]


def _excluding(object_class: ObjectClass, box: Box) -> AnonymizeOptions:
    return AnonymizeOptions(excluded=(ExcludedObject(object_class, box),))


def test_a_region_outside_the_picture_is_named_with_its_box() -> None:
    inside, outside = Region.resting(Box(190, 90, 1050, 500)), Region.resting(Box(1000, 10, 1050.5, 50))
    options = AnonymizeOptions(regions=(inside, outside, Region.resting(Box(-20, -20, 0, 50))))
    assert idle_regions(options, [(200, 100, None)]) == [
        "anonymize.regions[1] covers nothing: its box (left 1000, top 10, right 1050.5, bottom 50) lies outside the "
        "picture of 200 x 100 pixels",
        "anonymize.regions[2] covers nothing: its box (left -20, top -20, right 0, bottom 50) lies outside the "
        "picture of 200 x 100 pixels",
    ]
    # One page is large enough.
    assert len(idle_regions(options, [(200, 100, None), (1200, 100, None)])) == 1


def test_a_region_of_a_video_counts_by_its_keyframes_and_its_span() -> None:
    second = 10**9
    passing = (TrackPoint(0, Box(-100, 0, -50, 50)), TrackPoint(4 * second, Box(300, 0, 350, 50)))
    frames = [(200, 100, Moment(at * second, (at + 1) * second)) for at in range(5)]
    assert idle_regions(AnonymizeOptions(regions=(Region(passing),)), frames) == []
    (gone,) = idle_regions(AnonymizeOptions(regions=(Region(passing, 4 * second),)), frames)
    assert "left 300" in gone
    late = Region(passing, 60 * second)
    assert idle_regions(AnonymizeOptions(regions=(late,)), frames) == [
        "anonymize.regions[0] covers nothing: no frame is shown in its span of time"
    ]
