"""Which objects of a media are covered, and how, as it is stored."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from services.common.media.anonymize.regions import Region
from services.common.media.vocabulary import Box, Mode, ObjectClass, Shape, usual_shape

DEFAULT_OBJECTS = (ObjectClass.FACE, ObjectClass.LICENSE_PLATE)


@dataclass(frozen=True, slots=True)
class ExcludedObject:
    """An object of an earlier run that stays uncovered, with its box and class to find it again."""

    number: int
    object_class: ObjectClass
    box: Box
    time_ns: int | None = None


@dataclass(frozen=True, slots=True)
class AnonymizeOptions:
    """Which objects are covered, and how; every field has the value that is used."""

    objects: tuple[ObjectClass, ...] = DEFAULT_OBJECTS
    mode: Mode = Mode.BLUR
    shape: Shape | None = None
    """None means an ellipse for faces and a box for the rest."""
    margin: float = 0.1
    """How far beyond an object's box is covered, as a share of its size."""
    feather: float = 0.0
    """How wide the soft edge is, as a share of the object's size; it lies outside what is covered."""
    regions: tuple[Region, ...] = ()
    exempt: tuple[Region, ...] = ()
    excluded: tuple[ExcludedObject, ...] = ()
    thresholds: Mapping[ObjectClass, float] = field(default_factory=dict)
    drop_audio: bool = False

    def shape_of(self, object_class: ObjectClass) -> Shape:
        """The outline that covers an object of this class."""
        return self.shape or usual_shape(object_class)

    def digest(self) -> str:
        """Returns a short text that is equal for options that mean the same, in any order."""
        objects = sorted(set(self.objects))
        canonical = {
            "objects": [(name, self.shape_of(name), self.thresholds.get(name)) for name in objects],
            "mode": self.mode,
            "margin": float(self.margin),
            "feather": float(self.feather),
            "regions": sorted(set(map(_region, self.regions))),
            "exempt": sorted(set(map(_region, self.exempt))),
            "excluded": sorted({_excluded(excluded) for excluded in self.excluded}),
            "drop_audio": self.drop_audio,
        }
        text = json.dumps(canonical, sort_keys=True, separators=(",", ":"), allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()[:32]


def _region(region: Region) -> tuple[object, ...]:
    end_ns = -1 if region.end_ns is None else region.end_ns
    moving = len(region.keyframes) > 1
    points = tuple((point.time_ns if moving else 0, *_numbers(point.box)) for point in region.keyframes)
    return region.start_ns, end_ns, points


def _numbers(box: Box) -> tuple[float, ...]:
    return float(box.left), float(box.top), float(box.right), float(box.bottom)


def _excluded(excluded: ExcludedObject) -> tuple[object, ...]:
    return excluded.object_class, -1 if excluded.time_ns is None else excluded.time_ns, *_numbers(excluded.box)
