"""Holds detections against labels: what was found, what was missed, what was made up."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from scripts.measuring.evaluation.labelled import Label, LabelledPicture
from services.common.media.vocabulary import Box, ObjectClass
from services.processor.vision.detections import Detection

MATCH_IOU = 0.5
IGNORED_SHARE = 0.5
"""A detection that lies so far in a region that does not count, does not count."""

Counts: TypeAlias = Callable[[Label], bool]


def at_least_32_square(label: Label) -> bool:
    """Objects of 32 x 32 pixels or more."""
    return label.box.area >= 32 * 32


def unmasked_20_pixels(label: Label) -> bool:
    """Faces without a mask whose shorter side has 20 pixels or more."""
    return label.unmasked and min(label.box.width, label.box.height) >= 20


def longer_side(shortest: float, longest: float) -> Counts:
    """Objects whose longer side lies in this range, in pixels; the upper end is left out."""

    def counts(label: Label) -> bool:
        return shortest <= max(label.box.width, label.box.height) < longest

    return counts


@dataclass(slots=True)
class Tally:
    """The matches of one class's labels, over many pictures."""

    objects: int = 0
    outcomes: list[tuple[float, bool]] = field(default_factory=list)
    """Each detection that counts: its score, and whether it is right."""

    def recall(self, threshold: float = 0.0) -> float:
        """The share of the objects that is found with this score or more."""
        return sum(right for score, right in self.outcomes if score >= threshold) / max(1, self.objects)

    def precision(self, threshold: float = 0.0) -> float:
        """The share of the detections of this score or more that is right."""
        counted = [right for score, right in self.outcomes if score >= threshold]
        return sum(counted) / max(1, len(counted))

    def best_recall(self, precision: float) -> tuple[float, float]:
        """The highest recall that can be had at this precision or better, and the threshold for it."""
        best = (0.0, 1.0)
        right = 0
        for count, (score, hit) in enumerate(sorted(self.outcomes, key=lambda outcome: -outcome[0]), 1):
            right += hit
            if right / count >= precision and right / max(1, self.objects) > best[0]:
                best = (right / max(1, self.objects), score)
        return best


def tally(
    pictures: Iterable[LabelledPicture],
    found: Iterable[Sequence[Detection]],
    object_class: ObjectClass,
    counts: Counts = at_least_32_square,
) -> Tally:
    """Match one class on the pictures where people labelled it; labels that do not count are neither hit nor missed."""
    result = Tally()
    for picture, detections in zip(pictures, found, strict=True):
        if object_class in picture.classes:
            own = [each for each in detections if each.object_class is object_class]
            _match(picture, object_class, own, counts, result)
    return result


def _match(
    picture: LabelledPicture, object_class: ObjectClass, detections: Sequence[Detection], counts: Counts, result: Tally
) -> None:
    open_labels = [label for label in picture.labels if label.object_class is object_class]
    ignored = [label.box for label in picture.ignored if label.object_class is object_class]
    result.objects += sum(map(counts, open_labels))
    for detection in sorted(detections, key=lambda each: -each.score):
        best = max(open_labels, key=lambda label: label.box.iou(detection.box), default=None)
        if best is not None and best.box.iou(detection.box) >= MATCH_IOU:
            open_labels.remove(best)
            if counts(best):
                result.outcomes.append((detection.score, True))
        elif counts(Label(object_class, detection.box)) and not _lies_in(detection.box, ignored):
            # A detection of an object that does not count, such as one that is too small, is no mistake either.
            result.outcomes.append((detection.score, False))


def _lies_in(box: Box, regions: Iterable[Box]) -> bool:
    return any(box.intersection(region) > IGNORED_SHARE * box.area for region in regions)
