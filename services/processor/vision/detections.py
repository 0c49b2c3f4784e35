"""What a detector says of a picture: the vocabulary that detection, anonymisation and video share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

Picture: TypeAlias = NDArray[np.uint8]
"""An upright picture: height x width x 3, BGR."""


class ObjectClass(StrEnum):
    """A kind of object that can be found and made unrecognisable."""

    FACE = "face"
    PERSON = "person"
    LICENSE_PLATE = "license_plate"
    VEHICLE = "vehicle"


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in pixels of the upright picture; right and bottom are exclusive."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def width(self) -> float:
        """The horizontal extent, never negative."""
        return max(0.0, self.right - self.left)

    @property
    def height(self) -> float:
        """The vertical extent, never negative."""
        return max(0.0, self.bottom - self.top)

    @property
    def area(self) -> float:
        """Width times height, in square pixels."""
        return self.width * self.height

    def intersection(self, other: Box) -> float:
        """The area that both boxes cover, in square pixels."""
        width = min(self.right, other.right) - max(self.left, other.left)
        height = min(self.bottom, other.bottom) - max(self.top, other.top)
        return max(0.0, width) * max(0.0, height)

    def iou(self, other: Box) -> float:
        """Intersection over union, 0 for boxes without area."""
        shared = self.intersection(other)
        union = self.area + other.area - shared
        return shared / union if union > 0 else 0.0

    def clipped(self, width: float, height: float) -> Box:
        """The part of the box inside a picture of this size; its area is 0 when nothing is inside."""
        return Box(
            min(max(self.left, 0.0), width),
            min(max(self.top, 0.0), height),
            min(max(self.right, 0.0), width),
            min(max(self.bottom, 0.0), height),
        )

    def expanded(self, margin: float) -> Box:
        """The box grown on each side by `margin` times its own width and height."""
        grow_x, grow_y = self.width * margin, self.height * margin
        return Box(self.left - grow_x, self.top - grow_y, self.right + grow_x, self.bottom + grow_y)


@dataclass(frozen=True, slots=True)
class Detection:
    """One object found in one picture, with a score from 0 to 1."""

    object_class: ObjectClass
    score: float
    box: Box


@dataclass(frozen=True, slots=True)
class Share:
    """Looks that follow each other may share a picture's parts among them; each is at the whole picture too."""

    turn: int
    most: int
    """In so many looks each part must have had its turn."""


class Detector(Protocol):
    """Finds objects in pictures.

    Promises: boxes are clipped to the picture and have an area; at most one box an object and class (non-maximum
    suppression is done); detections come sorted by falling score; only the classes asked for are computed and
    returned; a class that no model serves yields nothing. A threshold given by the caller replaces the model's own.
    Calls block on the CPU (or another device) and may come from several threads.
    """

    @property
    def versions(self) -> Mapping[str, str]:
        """Each model in use, by name, with the first 12 hex digits of its weights' sha256."""
        ...

    @property
    def classes(self) -> frozenset[ObjectClass]:
        """The classes that some model in use serves."""
        ...

    def detect(
        self,
        picture: Picture,
        classes: frozenset[ObjectClass],
        thresholds: Mapping[ObjectClass, float] | None = None,
    ) -> list[Detection]:
        """Find the objects of these classes in one picture."""
        ...

    def detect_batch(
        self,
        pictures: Sequence[Picture],
        classes: frozenset[ObjectClass],
        thresholds: Mapping[ObjectClass, float] | None = None,
    ) -> list[list[Detection]]:
        """Find the objects of these classes in several pictures, in their order."""
        ...

    def glance(
        self,
        picture: Picture,
        classes: frozenset[ObjectClass],
        thresholds: Mapping[ObjectClass, float] | None,
        share: Share,
    ) -> list[Detection]:
        """Find the objects of these classes that show in the whole picture, or in a share of its parts."""
        ...
