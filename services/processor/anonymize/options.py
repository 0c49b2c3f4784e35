"""Which objects are covered, and how: the options of one run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

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
    mode: Mode = Mode.GRADIENT
    shape: Shape | None = None
    """None means an ellipse for faces and a box for the rest."""
    margin: float = 0.1
    feather: float = 0.0
    color: str = BLACK
    styles: Mapping[ObjectClass, CoverStyle] = field(default_factory=dict, hash=False)
    """Of the classes that are covered in another way."""
    regions: tuple[Region, ...] = ()
    """Covered whether or not a detector finds anything there; they win over `exempt`."""
    exempt: tuple[Region, ...] = ()
    """Objects whose centre lies in one of these are not covered."""
    excluded: tuple[ExcludedObject, ...] = ()
    thresholds: Mapping[ObjectClass, float] = field(default_factory=dict, hash=False)
    """Scores from which a detection counts, where they differ from the model's own."""
    sound: Sound = Sound.KEEP
    keep_metadata: frozenset[KeptMetadata] = frozenset()

    def style_of(self, object_class: ObjectClass) -> CoverStyle:
        """How objects of this class are covered."""
        shape = self.shape or usual_shape(object_class)
        usual = CoverStyle(self.mode, shape, self.margin, self.feather, self.color)
        return self.styles.get(object_class, usual)
