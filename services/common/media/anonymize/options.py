"""Which objects of a media are covered, and how, as it is stored."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from services.common.media.anonymize.regions import Region
from services.common.media.vocabulary import (
    BLACK,
    Box,
    CoverStyle,
    KeptMetadata,
    Mode,
    ObjectClass,
    Shape,
    Sound,
    usual_shape,
)

DEFAULT_OBJECTS = (ObjectClass.FACE, ObjectClass.LICENSE_PLATE)


@dataclass(frozen=True, slots=True)
class ExcludedObject:
    """An object of an earlier run that stays uncovered, with its box and class to find it again."""

    number: int
    object_class: ObjectClass
    box: Box
    time_ns: int | None = None


@dataclass(frozen=True, slots=True)
class ClassOptions:
    """The options that differ for one class; None means the value for all classes."""

    threshold: float | None = None
    """The score from which a detection counts, in place of the model's own."""
    mode: Mode | None = None
    shape: Shape | None = None
    margin: float | None = None
    feather: float | None = None
    color: str | None = None


_NOTHING_DIFFERS = ClassOptions()


@dataclass(frozen=True, slots=True)
class AnonymizeOptions:
    """Which objects are covered, and how; every field has the value that is used."""

    objects: tuple[ObjectClass, ...] = DEFAULT_OBJECTS
    mode: Mode = Mode.GRADIENT
    shape: Shape | None = None
    """None means an ellipse for faces and a box for the rest."""
    margin: float = 0.1
    feather: float = 0.0
    color: str = BLACK
    regions: tuple[Region, ...] = ()
    exempt: tuple[Region, ...] = ()
    excluded: tuple[ExcludedObject, ...] = ()
    classes: Mapping[ObjectClass, ClassOptions] = field(default_factory=dict)
    sound: Sound = Sound.KEEP
    keep_metadata: tuple[KeptMetadata, ...] = ()

    @property
    def thresholds(self) -> dict[ObjectClass, float]:
        """The scores from which a detection counts, where they differ from the model's own."""
        return {name: one.threshold for name, one in self.classes.items() if one.threshold is not None}

    def style_of(self, object_class: ObjectClass) -> CoverStyle:
        """How objects of this class are covered."""
        own = self.classes.get(object_class, _NOTHING_DIFFERS)
        return CoverStyle(
            mode=own.mode or self.mode,
            shape=own.shape or self.shape or usual_shape(object_class),
            margin=self.margin if own.margin is None else own.margin,
            feather=self.feather if own.feather is None else own.feather,
            color=own.color or self.color,
        )

    def digest(self) -> str:
        """Returns a short text that is equal for options that mean the same, in any order."""
        thresholds = self.thresholds
        canonical = {
            "objects": [
                (name, thresholds.get(name), *_style(self.style_of(name))) for name in sorted(set(self.objects))
            ],
            "regions": [
                (*_looks(self.mode, self.feather, self.color), *region)
                for region in sorted(set(map(_region, self.regions)))
            ],
            "exempt": sorted(set(map(_region, self.exempt))),
            "excluded": sorted({_excluded(excluded) for excluded in self.excluded}),
            "sound": self.sound,
            "keep_metadata": sorted(set(self.keep_metadata)),
        }
        text = json.dumps(canonical, sort_keys=True, separators=(",", ":"), allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()[:32]


def _style(style: CoverStyle) -> tuple[object, ...]:
    return style.shape, float(style.margin), *_looks(style.mode, style.feather, style.color)


def _looks(mode: Mode, feather: float, color: str) -> tuple[object, ...]:
    return mode, float(feather), color if mode is Mode.SOLID else None


def _region(region: Region) -> tuple[object, ...]:
    end_ns = -1 if region.end_ns is None else region.end_ns
    moving = len(region.keyframes) > 1
    points = tuple((point.time_ns if moving else 0, *_numbers(point.box)) for point in region.keyframes)
    return region.start_ns, end_ns, points


def _numbers(box: Box) -> tuple[float, ...]:
    return float(box.left), float(box.top), float(box.right), float(box.bottom)


def _excluded(excluded: ExcludedObject) -> tuple[object, ...]:
    return excluded.object_class, -1 if excluded.time_ns is None else excluded.time_ns, *_numbers(excluded.box)
