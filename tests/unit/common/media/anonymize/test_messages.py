from __future__ import annotations

import pytest
from dropmesh.v1 import object_pb2

from services.common.base.errors import InvalidField
from services.common.media.anonymize.messages import options_message, to_options
from services.common.media.anonymize.options import AnonymizeOptions

Options = object_pb2.AnonymizeOptions


def test_unset_fields_come_back_with_the_values_that_are_used() -> None:
    shown = options_message(to_options(Options()))
    assert list(shown.objects) == [object_pb2.FACE, object_pb2.LICENSE_PLATE]
    assert (shown.mode, shown.margin, shown.feather) == (Options.GRADIENT, 0.1, 0)
    assert (shown.color, shown.sound) == ("#000000", Options.KEEP)
    assert shown.HasField("margin")
    assert shown.shape == Options.SHAPE_UNSPECIFIED
    assert to_options(shown) == to_options(Options()) == AnonymizeOptions()


def test_the_usual_shape_is_shown_where_all_classes_have_it() -> None:
    assert options_message(to_options(Options(objects=[object_pb2.FACE]))).shape == Options.ELLIPSE
    assert options_message(to_options(Options(objects=[object_pb2.VEHICLE, object_pb2.PERSON]))).shape == Options.BOX


def test_what_is_shown_means_the_same_when_it_is_sent_again() -> None:
    sent = Options(
        objects=[object_pb2.VEHICLE, object_pb2.FACE],
        mode=Options.SOLID,
        margin=0,
        regions=[object_pb2.Region(box=object_pb2.Box(right=4, bottom=4))],
        color="#FFcc00",
        class_options=[
            object_pb2.ClassOptions(object_class=object_pb2.FACE, threshold=0.5, margin=0, feather=0.25),
            object_pb2.ClassOptions(object_class=object_pb2.VEHICLE, mode=Options.MOSAIC, shape=Options.ELLIPSE),
        ],
        sound=Options.DROP,
        keep_metadata=[Options.LOCATION, Options.CAPTURE_TIME],
    )
    options = to_options(sent)
    shown = options_message(options)
    assert (shown.color, list(shown.class_options)) == ("#ffcc00", list(sent.class_options))
    assert list(shown.keep_metadata) == [Options.CAPTURE_TIME, Options.LOCATION]
    assert to_options(shown).digest() == options.digest()


def test_a_class_has_one_entry_of_options() -> None:
    faces = object_pb2.ClassOptions(object_class=object_pb2.FACE)
    with pytest.raises(InvalidField, match=r"anonymize\.class_options\[1\]: must be the only entry for FACE"):
        to_options(Options(class_options=[faces, faces]))


def test_a_class_with_options_must_be_covered() -> None:
    of_vehicles = object_pb2.ClassOptions(object_class=object_pb2.VEHICLE, mode=Options.SOLID)
    of_faces = object_pb2.ClassOptions(object_class=object_pb2.FACE, margin=0.5)
    fault = r"^upload\.anonymize\.class_options\[1\]\.object_class: VEHICLE is not covered, .*; add VEHICLE to objects$"
    with pytest.raises(InvalidField, match=fault):
        to_options(Options(class_options=[of_faces, of_vehicles]), field="upload.anonymize")
    chosen = Options(objects=[object_pb2.FACE, object_pb2.VEHICLE], class_options=[of_faces, of_vehicles])
    assert len(to_options(chosen).classes) == 2
