"""The results of the jobs on media, light enough for a process that never loads the pixels' code."""

from __future__ import annotations

from dataclasses import dataclass

from services.common.media.detected_objects import DetectedObject
from services.common.media.model import Label, MediaWarning, ModelVersion
from services.common.media.transitions import Findings


@dataclass(frozen=True, slots=True)
class AnonymizedMedia:
    """An anonymized content, which is in a file by now, and what was found on the way."""

    format: str
    content_type: str
    objects: tuple[DetectedObject, ...]
    findings: Findings


@dataclass(frozen=True, slots=True)
class DetectionResult:
    """The detections in a picture that is not stored."""

    width: int
    height: int
    objects: tuple[DetectedObject, ...]
    models: tuple[ModelVersion, ...]
    warnings: tuple[MediaWarning, ...]


@dataclass(frozen=True, slots=True)
class ClassificationResult:
    """A classifier's labels, and its name."""

    labels: tuple[Label, ...]
    model: ModelVersion


@dataclass(frozen=True, slots=True)
class DrawnPicture:
    """The bytes of a picture that was made of another."""

    content: bytes
    content_type: str


@dataclass(frozen=True, slots=True)
class Limits:
    """The operator's bounds on one media."""

    max_pixels: int
    max_animation_frames: int
    max_video_frames: int
    max_video_seconds: float
