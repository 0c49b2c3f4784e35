"""Choosing what to cover: which of the objects found, and how far around each."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from services.common.media.anonymize.regions import Moment
from services.common.media.vocabulary import BLACK, Box, Mode, ObjectClass, Shape
from services.processor.anonymize.options import AnonymizeOptions
from services.processor.vision.detections import Detection

SAME_OBJECT_IOU: Final = 0.5
ELLIPSE_MARGIN: Final = (math.sqrt(2) - 1) / 2
"""An ellipse goes through the corners of the object's box, so that no part of it looks out."""


@dataclass(frozen=True, slots=True)
class Cover:
    """One area that becomes unrecognisable: every pixel of the shape inside `box`, and a soft edge around it."""

    box: Box
    shape: Shape
    mode: Mode
    feather: float = 0.0
    """How wide the soft edge around the box is, as a share of the box's size."""
    color: str = BLACK
    """Of the mode `solid`, as #rrggbb."""


def cover_object(object_class: ObjectClass, box: Box, options: AnonymizeOptions) -> Cover:
    """The cover of one object, its margin included."""
    style = options.style_of(object_class)
    margin = style.margin + (ELLIPSE_MARGIN if style.shape is Shape.ELLIPSE else 0.0)
    return Cover(box.expanded(margin), style.shape, style.mode, style.feather, style.color)


def cover_regions(options: AnonymizeOptions, moment: Moment | None = None) -> list[Cover]:
    """The covers of the regions that a person drew, exactly as drawn: in a frame, or in a picture without time."""
    boxes = [region.box_in(moment) for region in options.regions]
    look = Shape.BOX, options.mode, options.feather, options.color
    return [Cover(box, *look) for box in boxes if box is not None]


def idle_regions(options: AnonymizeOptions, pictures: Iterable[tuple[int, int, Moment | None]]) -> list[str]:
    """A sentence for each region that covers no pixel of these pictures: their widths, heights and moments."""
    idle = dict(enumerate(options.regions))
    outside: dict[int, str] = {}
    for width, height, moment in pictures:
        if not idle:
            break
        for number, region in list(idle.items()):
            box = region.box_in(moment)
            if box is None:
                continue
            if box.clipped(width, height).area > 0:
                del idle[number]
            elif number not in outside:
                sides = f"left {box.left:g}, top {box.top:g}, right {box.right:g}, bottom {box.bottom:g}"
                outside[number] = f"its box ({sides}) lies outside the picture of {width} x {height} pixels"
    return [
        f"anonymize.regions[{number}] covers nothing: {outside.get(number, 'no frame is shown in its span of time')}"
        for number in idle
    ]


def exempt_boxes(options: AnonymizeOptions, moment: Moment | None = None) -> list[Box]:
    """Where objects are not covered: in a frame, or in a picture without time."""
    boxes = [region.box_from(moment) for region in options.exempt]
    return [box for box in boxes if box is not None]


def is_exempt(box: Box, exempt: Sequence[Box]) -> bool:
    """Whether the centre of this box lies in one of the exempt boxes."""
    x, y = (box.left + box.right) / 2, (box.top + box.bottom) / 2
    return any(area.left <= x < area.right and area.top <= y < area.bottom for area in exempt)


def choose_covered(detections: Sequence[Detection], options: AnonymizeOptions) -> list[bool]:
    """Returns, for each detection of a picture, whether to cover it."""
    excluded, exempt = _find_excluded(detections, options), exempt_boxes(options)
    return [
        found.object_class in options.object_classes and index not in excluded and not is_exempt(found.box, exempt)
        for index, found in enumerate(detections)
    ]


def _find_excluded(detections: Sequence[Detection], options: AnonymizeOptions) -> set[int]:
    """Each excluded object is at most one detection: the one of its class that lies over it best."""
    indexes: set[int] = set()
    for excluded in options.excluded:
        candidates = [
            (excluded.box.iou(found.box), index)
            for index, found in enumerate(detections)
            if found.object_class is excluded.object_class and index not in indexes
        ]
        best_iou, best_index = max(candidates, default=(0.0, -1))
        if best_iou >= SAME_OBJECT_IOU:
            indexes.add(best_index)
    return indexes
