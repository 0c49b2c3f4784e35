from __future__ import annotations

import pytest

from scripts.measuring.evaluation.coverage import covered_share
from services.common.media.vocabulary import Box, Mode, ObjectClass, Shape
from services.processor.anonymize.plan import Cover

PLATE = Box(10, 10, 50, 20)


def cover(box: Box, shape: Shape = Shape.BOX) -> Cover:
    return Cover(box, shape, Mode.SOLID)


def test_covers_hide_an_object_together():
    halves = [cover(Box(10, 10, 30, 20)), cover(Box(30, 10, 50, 20))]
    assert covered_share(ObjectClass.LICENSE_PLATE, PLATE, halves[:1]) == pytest.approx(0.5)
    assert covered_share(ObjectClass.LICENSE_PLATE, PLATE, halves) == 1
    assert covered_share(ObjectClass.LICENSE_PLATE, PLATE, []) == 0


def test_a_face_counts_as_the_ellipse_in_its_box_and_a_plate_as_its_box():
    ellipse = [cover(PLATE, Shape.ELLIPSE)]
    assert covered_share(ObjectClass.FACE, PLATE, ellipse) == 1
    assert covered_share(ObjectClass.LICENSE_PLATE, PLATE, ellipse) == pytest.approx(0.785, abs=0.01)
