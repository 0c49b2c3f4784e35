from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from scripts.measuring.evaluation.labelled import Label, LabelledPicture
from scripts.measuring.evaluation.matching import Tally, longer_side, tally, unmasked_20_pixels
from services.common.media.vocabulary import Box, ObjectClass
from services.processor.vision.detections import Detection

FACE, PERSON = ObjectClass.FACE, ObjectClass.PERSON


def box(left: float, side: float = 40) -> Box:
    return Box(left, 0, left + side, side)


def picture(
    labels: list[Label], ignored: list[Label] | None = None, classes: tuple[ObjectClass, ...] = (FACE,)
) -> LabelledPicture:
    pixels = np.zeros((1, 1, 3), np.uint8)
    return LabelledPicture(Path("p.jpg"), pixels, tuple(labels), tuple(ignored or ()), frozenset(classes))


def found(*faces: tuple[float, Box]) -> list[Detection]:
    return [Detection(FACE, score, where) for score, where in faces]


def faces(labels: list[Label], detections: list[Detection], ignored: list[Label] | None = None) -> Tally:
    return tally([picture(labels, ignored)], [detections], FACE)


def test_an_object_is_found_once_and_a_second_box_for_it_is_a_mistake():
    result = faces([Label(FACE, box(0))], found((0.9, box(1)), (0.8, box(2)), (0.7, box(500))))
    assert (result.objects, result.recall()) == (1, 1)
    assert result.precision() == pytest.approx(1 / 3)


def test_small_objects_and_small_detections_do_not_count():
    result = faces([Label(FACE, box(0, 20)), Label(FACE, box(100))], found((0.9, box(0, 20)), (0.9, box(50, 20))))
    assert (result.objects, result.outcomes) == (1, [])


def test_detections_in_ignored_regions_do_not_count():
    assert faces([], found((0.9, box(10))), ignored=[Label(FACE, box(0, 100))]).outcomes == []
    assert faces([], found((0.9, box(10))), ignored=[Label(PERSON, box(0, 100))]).outcomes == [(0.9, False)]


def test_pictures_where_nobody_labelled_the_class_are_left_out():
    assert tally([picture([], classes=(PERSON,))], [found((0.9, box(0)))], FACE).outcomes == []


def test_recall_of_unmasked_faces_counts_no_mistakes():
    labels = [Label(FACE, box(0, 25), unmasked=True), Label(FACE, box(100, 25))]
    result = tally([picture(labels)], [found((0.9, box(0, 25)), (0.9, box(500)))], FACE, unmasked_20_pixels)
    assert (result.objects, result.outcomes) == (1, [(0.9, True)])


def test_the_best_recall_at_a_precision_names_its_threshold():
    result = Tally(4, [(0.9, True), (0.8, False), (0.7, True), (0.6, True), (0.5, False), (0.4, True)])
    assert result.best_recall(0.75) == (0.75, 0.6)
    assert result.best_recall(0.6) == (1.0, 0.4)
    assert Tally(4, [(0.9, False)]).best_recall(0.7) == (0.0, 1.0)


def test_objects_count_by_their_longer_side():
    label = Label(FACE, Box(0, 0, 20, 32))
    assert longer_side(32, 64)(label)
    assert not longer_side(16, 32)(label)
