"""Which objects are covered, and how: the options of one run, and their fingerprint."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from services.common.media.vocabulary import Box, Mode, ObjectClass, Shape

COVER_VERSION = 1
"""Raised whenever the same options give other pixels, so that outputs are made again."""


@dataclass(frozen=True, slots=True)
class ExcludedObject:
    """An object of an earlier processing that stays uncovered.

    It is known again by its class and place, not by its number: a newer model may number its objects otherwise,
    and a wrong number would uncover another person. `time` is when a video's object was at `box`.
    """

    object_class: ObjectClass
    box: Box
    time: timedelta | None = None


@dataclass(frozen=True, slots=True)
class AnonymizeOptions:
    """Which objects to cover, and how; boxes are in pixels of the upright picture."""

    object_classes: frozenset[ObjectClass] = frozenset({ObjectClass.FACE, ObjectClass.LICENSE_PLATE})
    mode: Mode = Mode.BLUR
    shape: Shape | None = None
    """None means an ellipse for faces and a box for the rest."""
    margin: float = 0.1
    """How far beyond an object's box is covered, as a share of its size."""
    feather: float = 0.0
    """How wide the soft edge is, as a share of the object's size; it lies outside what is covered."""
    regions: tuple[Box, ...] = ()
    """Covered whether or not a detector finds anything there; they win over `exempt`."""
    exempt: tuple[Box, ...] = ()
    """Objects whose centre lies in one of these are not covered."""
    excluded: tuple[ExcludedObject, ...] = ()
    thresholds: Mapping[ObjectClass, float] = field(default_factory=dict, hash=False)
    """Scores from which a detection counts, where they differ from the model's own."""
    keep_audio: bool = True

    def shape_of(self, object_class: ObjectClass) -> Shape:
        """The outline that covers an object of this class."""
        if self.shape is not None:
            return self.shape
        return Shape.ELLIPSE if object_class is ObjectClass.FACE else Shape.BOX

    def fingerprint(self) -> str:
        """Returns a short text that is equal for options with equal output, in any order."""
        canonical = {
            "version": COVER_VERSION,
            "objects": sorted(self.object_classes),
            "mode": self.mode,
            "shape": self.shape,
            "margin": float(self.margin),
            "feather": float(self.feather),
            "regions": sorted(_numbers(box) for box in self.regions),
            "exempt": sorted(_numbers(box) for box in self.exempt),
            "excluded": sorted(_excluded(excluded) for excluded in self.excluded),
            "thresholds": sorted((name, float(value)) for name, value in self.thresholds.items()),
            "audio": self.keep_audio,
        }
        text = json.dumps(canonical, sort_keys=True, separators=(",", ":"), allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()[:32]


def _numbers(box: Box) -> list[float]:
    return [float(box.left), float(box.top), float(box.right), float(box.bottom)]


def _excluded(excluded: ExcludedObject) -> list[str | float]:
    microseconds = -1 if excluded.time is None else excluded.time // timedelta(microseconds=1)
    return [excluded.object_class, microseconds, *_numbers(excluded.box)]
