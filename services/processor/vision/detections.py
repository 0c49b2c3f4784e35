"""What a detector says of a picture: what detection, anonymisation and video share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from services.common.media.vocabulary import Box, ObjectClass

Picture: TypeAlias = NDArray[np.uint8]
"""An upright picture: height x width x 3, BGR."""


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
