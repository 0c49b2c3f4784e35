"""The result of processing one picture; apart from the pixels' code, so that a caller need not load that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from services.common.media.types import MediaType
from services.common.media.vocabulary import Box, ObjectClass
from services.processor.vision.detections import Detection


@dataclass(frozen=True, slots=True)
class FoundObject:
    """One object of a picture; of an animation, one object through its frames."""

    object_id: int
    """Its number within the picture, from 1."""
    object_class: ObjectClass
    score: float
    box: Box
    """In pixels of the upright picture; in an animation, where it was when its score was highest."""
    is_covered: bool
    track: tuple[tuple[timedelta, Box], ...] = ()
    """Where it was over time, in an animation."""
    linked: tuple[int, ...] = ()
    """The numbers of the others that are probably the same object, in an animation."""


@dataclass(frozen=True, slots=True)
class PhotoResult:
    """An anonymized picture, and what was found in it."""

    content: bytes
    media_type: MediaType
    width: int
    height: int
    """Of the upright picture."""
    frames: int
    objects: tuple[FoundObject, ...]
    warnings: tuple[str, ...]
    timings: Mapping[str, timedelta]
    """Where the time went: decode, detect, cover and encode."""
    limited_sizes: Mapping[ObjectClass, float] = field(default_factory=dict)
    """The longer side from which objects are found, of each class for which the picture is too large."""


@dataclass(frozen=True, slots=True)
class PhotoDetections:
    """The detections in a picture, or in the first frame of an animation."""

    width: int
    height: int
    """Of the upright picture."""
    detections: tuple[Detection, ...]
    warnings: tuple[str, ...]
    timings: Mapping[str, timedelta]
