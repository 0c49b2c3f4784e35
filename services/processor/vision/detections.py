"""Detections, and the protocol of a detector: shared by detection, anonymization and video."""

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
class TileShare:
    """Which tiles one of several successive detections covers; each covers the whole picture, shrunk, too."""

    turn: int
    most: int
    """After so many detections each tile must have been covered."""


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

    def limited_sizes(
        self, width: int, height: int, classes: frozenset[ObjectClass], *, is_frame: bool = False, shrink: float = 1.0
    ) -> Mapping[ObjectClass, float]:
        """The longer side from which objects are found, of each class for which a picture of this size is too large.

        `shrink`: the detector is given the picture shrunk to this part of its width and height.
        """
        ...

    def detect_frame(
        self,
        picture: Picture,
        classes: frozenset[ObjectClass],
        thresholds: Mapping[ObjectClass, float] | None,
        tile_share: TileShare | None,
    ) -> list[Detection]:
        """Find the objects of these classes in a frame, in all of its tiles or a share; costs less than a still."""
        ...
