"""Options of the anonymization, between the contract and what is stored."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from dropmesh.v1 import object_pb2

from services.common.base.errors import InvalidField
from services.common.media.anonymize.options import DEFAULT_OBJECTS, AnonymizeOptions, ClassOptions, ExcludedObject
from services.common.media.anonymize.region_messages import region_message, to_regions
from services.common.media.vocabulary import KeptMetadata, Mode, ObjectClass, Shape, Sound

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
    """Options as they are stored, with these excluded objects.

    Refuses regions that mean nothing, options of classes that are not covered, and excluded objects, which a request
    names elsewhere; `field` is the path of the options in the request.
    """
    options = to_options_unchecked(message, excluded, field)
    check_class_options(options, field)
    return options


def check_class_options(options: AnonymizeOptions, field: str) -> None:
    """Refuses options of a class that is not covered: they would change nothing, and the class would stay visible."""
    for index, name in enumerate(options.classes):
        if name not in options.objects:
            covered = ", ".join(one.upper() for one in options.objects)
            problem = f"{name.upper()} is not covered, since objects is {covered}; add {name.upper()} to objects"
            raise InvalidField(f"{field}.class_options[{index}].object_class", problem)


def to_options_unchecked(
    message: object_pb2.AnonymizeOptions, excluded: Iterable[ExcludedObject] = (), field: str = "anonymize"
) -> AnonymizeOptions:
    """The same where `objects` may follow, so that options of any class are taken."""
    if message.exclude_objects:
        problem = "is set by the mesh; to exclude objects, give their ids as exclude_objects of :process itself"
        raise InvalidField(f"{field}.exclude_objects", problem)
    return AnonymizeOptions(
        objects=to_classes(message.objects) or DEFAULT_OBJECTS,
        mode=_mode(message.mode) or _DEFAULTS.mode,
        shape=_shape(message.shape),
        margin=message.margin if message.HasField("margin") else _DEFAULTS.margin,
        feather=message.feather if message.HasField("feather") else _DEFAULTS.feather,
        color=message.color.lower() or _DEFAULTS.color,
        regions=to_regions(message.regions, f"{field}.regions"),
        exempt=to_regions(message.exempt, f"{field}.exempt"),
        excluded=tuple(excluded),
        classes=_class_options(message.class_options, f"{field}.class_options"),
        sound=Sound(object_pb2.AnonymizeOptions.Sound.Name(message.sound).lower()) if message.sound else Sound.KEEP,
        keep_metadata=tuple(
            KeptMetadata(object_pb2.AnonymizeOptions.Metadata.Name(number).lower())
            for number in sorted(set(message.keep_metadata))
        ),
    )


def _class_options(messages: Sequence[object_pb2.ClassOptions], field: str) -> dict[ObjectClass, ClassOptions]:
    found: dict[ObjectClass, ClassOptions] = {}
    for index, message in enumerate(messages):
        object_class = to_class(message.object_class)
        if object_class in found:
            raise InvalidField(f"{field}[{index}]", f"must be the only entry for {object_class.upper()}")
        found[object_class] = ClassOptions(
            threshold=message.threshold if message.HasField("threshold") else None,
            mode=_mode(message.mode),
            shape=_shape(message.shape),
            margin=message.margin if message.HasField("margin") else None,
            feather=message.feather if message.HasField("feather") else None,
            color=message.color.lower() or None,
        )
    return found


def _class_message(object_class: ObjectClass, options: ClassOptions) -> object_pb2.ClassOptions:
    message = object_pb2.ClassOptions(
        object_class=class_number(object_class),
        threshold=options.threshold,
        margin=options.margin,
        feather=options.feather,
        color=options.color or "",
    )
    if options.mode:
        message.mode = object_pb2.AnonymizeOptions.Mode.Value(options.mode.upper())
    if options.shape:
        message.shape = object_pb2.AnonymizeOptions.Shape.Value(options.shape.upper())
    return message


def _mode(number: object_pb2.AnonymizeOptions.Mode.ValueType) -> Mode | None:
    return Mode(object_pb2.AnonymizeOptions.Mode.Name(number).lower()) if number else None


def _shape(number: object_pb2.AnonymizeOptions.Shape.ValueType) -> Shape | None:
    return Shape(object_pb2.AnonymizeOptions.Shape.Name(number).lower()) if number else None


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
        class_options=[_class_message(*one) for one in options.classes.items()],
        sound=object_pb2.AnonymizeOptions.Sound.Value(options.sound.upper()),
        keep_metadata=[object_pb2.AnonymizeOptions.Metadata.Value(kept.upper()) for kept in options.keep_metadata],
        margin=options.margin,
        feather=options.feather,
        color=options.color,
    )
    shapes = {options.style_of(object_class).shape for object_class in options.objects}
    if len(shapes) == 1:
        message.shape = object_pb2.AnonymizeOptions.Shape.Value(shapes.pop().upper())
    return message


def count_messages(counts: Sequence[tuple[str, int]]) -> list[object_pb2.ClassCount]:
    """Counts by class in the contract, in its order."""
    found = [object_pb2.ClassCount(object_class=class_number(name), count=count) for name, count in counts]
    return sorted(found, key=lambda message: message.object_class)
