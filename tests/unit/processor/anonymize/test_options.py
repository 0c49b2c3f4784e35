from __future__ import annotations

from dataclasses import replace

from services.common.media.vocabulary import ObjectClass, Shape
from services.processor.anonymize.options import AnonymizeOptions

DEFAULTS = AnonymizeOptions()


def test_faces_are_covered_by_ellipses_and_the_rest_by_boxes_unless_a_shape_is_asked_for() -> None:
    assert [DEFAULTS.style_of(one).shape for one in ObjectClass] == [Shape.ELLIPSE, Shape.BOX, Shape.BOX, Shape.BOX]
    assert {replace(DEFAULTS, shape=Shape.ELLIPSE).style_of(one).shape for one in ObjectClass} == {Shape.ELLIPSE}
