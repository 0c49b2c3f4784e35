"""Options and findings between the storage's models and the processor's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import timedelta

from services.common.base.instants import to_ns
from services.common.media.anonymize import options as stored
from services.common.media.detected_objects import DetectedObject
from services.common.media.vocabulary import Box, ObjectClass, TrackPoint
from services.processor.anonymize.options import AnonymizeOptions, ExcludedObject
from services.processor.vision.detections import Detection


def to_plan(options: stored.AnonymizeOptions) -> AnonymizeOptions:
    """Returns the stored options as the processor's."""
    return AnonymizeOptions(
        object_classes=frozenset(options.objects),
        mode=options.mode,
        shape=options.shape,
        margin=options.margin,
        feather=options.feather,
        color=options.color,
        styles={name: options.style_of(name) for name in options.classes},
        regions=options.regions,
        exempt=options.exempt,
        excluded=tuple(map(_excluded, options.excluded)),
        thresholds=options.thresholds,
        sound=options.sound,
        keep_metadata=frozenset(options.keep_metadata),
    )


def stored_object(
    number: int,
    object_class: ObjectClass,
    score: float,
    box: Box,
    track: Iterable[tuple[timedelta, Box]] = (),
    linked: tuple[int, ...] = (),
) -> DetectedObject:
    """An object as it is stored."""
    points = tuple(TrackPoint(to_ns(time), _stored_box(place)) for time, place in track)
    return DetectedObject(number, object_class, float(score), _stored_box(box), points, linked)


def stored_detections(detections: Iterable[Detection]) -> tuple[DetectedObject, ...]:
    """Detections as they are stored, numbered from 1."""
    return tuple(
        stored_object(number, one.object_class, one.score, one.box) for number, one in enumerate(detections, 1)
    )


def count_objects(objects: Iterable[DetectedObject]) -> dict[str, int]:
    """How many objects of each class there are."""
    return dict(Counter(str(found.object_class.value) for found in objects))


def _stored_box(box: Box) -> Box:
    # BSON takes no numbers of NumPy.
    return Box(float(box.left), float(box.top), float(box.right), float(box.bottom))


def _excluded(excluded: stored.ExcludedObject) -> ExcludedObject:
    time = None if excluded.time_ns is None else timedelta(microseconds=excluded.time_ns // 1000)
    return ExcludedObject(excluded.object_class, excluded.box, time)
