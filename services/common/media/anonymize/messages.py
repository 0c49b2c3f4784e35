"""Options of the anonymization, between the contract and what is stored."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from dropmesh.v1 import object_pb2

from services.common.media.anonymize.options import DEFAULT_OBJECTS, AnonymizeOptions, ExcludedObject
from services.common.media.anonymize.region_messages import region_message, to_regions
from services.common.media.vocabulary import Mode, ObjectClass, Shape

_DEFAULTS = AnonymizeOptions()


def to_class(number: object_pb2.ObjectClass.ValueType) -> ObjectClass:
    """A class as it is stored."""
    return ObjectClass(object_pb2.ObjectClass.Name(number).lower())


def class_number(object_class: str) -> object_pb2.ObjectClass.ValueType:
    """A class in the contract."""
    return object_pb2.ObjectClass.Value(object_class.upper())


def to_options(
    message: object_pb2.AnonymizeOptions, excluded: Iterable[ExcludedObject] = (), field: str = "anonymize"
) -> AnonymizeOptions:
    """Options as they are stored; the excluded objects are those that the message numbers.

    Refuses regions that mean nothing; `field` is the path of the options in the request.
    """
    return AnonymizeOptions(
        objects=to_classes(message.objects) or DEFAULT_OBJECTS,
        mode=Mode(object_pb2.AnonymizeOptions.Mode.Name(message.mode).lower()) if message.mode else Mode.BLUR,
        shape=Shape(object_pb2.AnonymizeOptions.Shape.Name(message.shape).lower()) if message.shape else None,
        margin=message.margin if message.HasField("margin") else _DEFAULTS.margin,
        feather=message.feather if message.HasField("feather") else _DEFAULTS.feather,
        regions=to_regions(message.regions, f"{field}.regions"),
        exempt=to_regions(message.exempt, f"{field}.exempt"),
        excluded=tuple(excluded),
        thresholds={to_class(entry.object_class): entry.threshold for entry in message.thresholds},
        drop_audio=message.drop_audio,
    )


def to_classes(numbers: Iterable[object_pb2.ObjectClass.ValueType]) -> tuple[ObjectClass, ...]:
    """Classes as they are stored, always in the contract's order."""
    return tuple(to_class(number) for number in sorted(set(numbers)))


def options_message(options: AnonymizeOptions) -> object_pb2.AnonymizeOptions:
    """Options in the contract, with the values that are used; no shape where it differs by class."""
    message = object_pb2.AnonymizeOptions(
        objects=[class_number(object_class) for object_class in options.objects],
        mode=object_pb2.AnonymizeOptions.Mode.Value(options.mode.upper()),
        regions=map(region_message, options.regions),
        exempt=map(region_message, options.exempt),
        exclude_objects=[excluded.number for excluded in options.excluded],
        thresholds=[
            object_pb2.ClassThreshold(object_class=class_number(object_class), threshold=threshold)
            for object_class, threshold in options.thresholds.items()
        ],
        drop_audio=options.drop_audio,
        margin=options.margin,
        feather=options.feather,
    )
    shapes = {options.shape_of(object_class) for object_class in options.objects}
    if len(shapes) == 1:
        message.shape = object_pb2.AnonymizeOptions.Shape.Value(shapes.pop().upper())
    return message


def count_messages(counts: Sequence[tuple[str, int]]) -> list[object_pb2.ClassCount]:
    """Counts by class in the contract, in its order."""
    found = [object_pb2.ClassCount(object_class=class_number(name), count=count) for name, count in counts]
    return sorted(found, key=lambda message: message.object_class)
