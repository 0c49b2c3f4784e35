"""The words that the storage's models and the processor share; enums are the contract's words in lower case."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class MediaState(StrEnum):
    """How far a media is."""

    NEW = "new"
    PROCESSING = "processing"
    PROCESSED = "processed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    DELETED = "deleted"


UNFINISHED = frozenset({MediaState.NEW, MediaState.PROCESSING})


class MediaKind(StrEnum):
    """The two kinds of media."""

    IMAGE = "image"
    VIDEO = "video"


class WarningReason(StrEnum):
    """The kind of a warning."""

    METADATA_UNREADABLE = "metadata_unreadable"
    CONTENT_CHANGED = "content_changed"
    WEAK_MODEL = "weak_model"
    NO_MODEL = "no_model"
    SMALL_OBJECTS = "small_objects"


class ObjectClass(StrEnum):
    """A kind of object that can be found and made unrecognisable."""

    FACE = "face"
    PERSON = "person"
    LICENSE_PLATE = "license_plate"
    VEHICLE = "vehicle"


class Mode(StrEnum):
    """How covered pixels look."""

    BLUR = "blur"
    MOSAIC = "mosaic"
    SOLID = "solid"
    GRADIENT = "gradient"


class Sound(StrEnum):
    """How the sound of a video is treated."""

    KEEP = "keep"
    DROP = "drop"
    DISTORT = "distort"
    BEEP = "beep"


class KeptMetadata(StrEnum):
    """A part of the original's metadata that may stay."""

    CAPTURE_TIME = "capture_time"
    CAMERA = "camera"
    LOCATION = "location"


class Shape(StrEnum):
    """The outline of what is covered."""

    ELLIPSE = "ellipse"
    BOX = "box"


def usual_shape(object_class: ObjectClass) -> Shape:
    """The outline that covers an object of this class unless another is chosen."""
    return Shape.ELLIPSE if object_class is ObjectClass.FACE else Shape.BOX


BLACK = "#000000"


@dataclass(frozen=True, slots=True)
class CoverStyle:
    """How objects of one class are covered."""

    mode: Mode
    shape: Shape
    margin: float
    """How far beyond an object's box is covered, as a share of its size."""
    feather: float
    """How wide the soft edge is, as a share of the object's size; it lies outside what is covered."""
    color: str
    """Of the mode `solid`, as #rrggbb."""


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

    def mixed(self, other: Box, share: float) -> Box:
        """The box at this share of the way to another one."""
        return Box(
            self.left + (other.left - self.left) * share,
            self.top + (other.top - self.top) * share,
            self.right + (other.right - self.right) * share,
            self.bottom + (other.bottom - self.bottom) * share,
        )


@dataclass(frozen=True, slots=True)
class TrackPoint:
    """Where something was at a moment of a video."""

    time_ns: int
    box: Box
