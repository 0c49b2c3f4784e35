from __future__ import annotations

from dropmesh.v1 import object_pb2

from services.common.media.anonymize.messages import options_message, to_options
from services.common.media.anonymize.options import AnonymizeOptions

Options = object_pb2.AnonymizeOptions


def test_unset_fields_come_back_with_the_values_that_are_used() -> None:
    shown = options_message(to_options(Options()))
    assert list(shown.objects) == [object_pb2.FACE, object_pb2.LICENSE_PLATE]
    assert (shown.mode, shown.margin, shown.feather) == (Options.BLUR, 0.1, 0)
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
        thresholds=[object_pb2.ClassThreshold(object_class=object_pb2.FACE, threshold=0.5)],
        drop_audio=True,
    )
    options = to_options(sent)
    assert to_options(options_message(options)).digest() == options.digest()
