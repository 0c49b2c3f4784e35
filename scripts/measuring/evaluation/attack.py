"""An attack on covers: cover every candidate in the same way, and choose the candidates whose covers are most alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from services.common.media.vocabulary import Box, Mode, ObjectClass
from services.processor.anonymize.options import AnonymizeOptions
from services.processor.anonymize.paint import paint_covers
from services.processor.anonymize.plan import cover_object

NOISE: Final = 3.0
JPEG_QUALITY: Final = 85
BEST: Final = 10
_SAMPLE: Final = 100
_SEEN: Final = (24, 12)
"""A cover holds no more detail than this many pixels show."""

Scene = NDArray[np.uint8]
Features = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Hits:
    """The share of the attacks that had the true candidate first, and among the best ten."""

    first: float
    best: float


@dataclass(frozen=True, slots=True)
class Attack:
    """The attacker knows the scene, the class, the mode, and the box to within some pixels."""

    object_class: ObjectClass
    box: Box
    mode: Mode
    uncertain_pixels: int = 0

    def hits(
        self, targets: Sequence[Scene], count: int, candidate: Callable[[int], Scene], random: np.random.Generator
    ) -> Hits:
        """Attacks each target; the candidate with the number of the target is the true one."""
        published = [self._seen(coded(self._covered(coded(noisy(scene, random)), self.box))) for scene in targets]
        box = self._guess_box(published, [candidate(number) for number in range(min(count, _SAMPLE))])
        known = np.array([self._seen(self._covered(coded(candidate(number)), box)) for number in range(count)])
        first, best = [], []
        for number, seen in enumerate(published):
            distances = np.square(known - seen).sum(axis=1)
            first.append(chance_among(distances, number, 1))
            best.append(chance_among(distances, number, BEST))
        return Hits(float(np.mean(first)), float(np.mean(best)))

    def _guess_box(self, published: Sequence[Features], sample: Sequence[Scene]) -> Box:
        """Of the boxes around the known one, the one whose covers of some candidates are most like those published."""

        def difference(box: Box) -> float:
            known = np.array([self._seen(self._covered(coded(scene), box)) for scene in sample])
            return float(sum(np.square(known - seen).sum(axis=1).min() for seen in published))

        # The known box is off by this much on both axes, so that the true one is at the end of the search.
        off = range(2 * self.uncertain_pixels + 1)
        boxes = [_moved(self.box, x, y) for x in off for y in off]
        return min(boxes, key=difference) if len(boxes) > 1 else self.box

    def _covered(self, scene: Scene, box: Box) -> Scene:
        picture = scene.copy()
        cover = cover_object(self.object_class, box, AnonymizeOptions(mode=self.mode))
        paint_covers(picture, [cover], lambda _: (0.0,) * (picture.shape[2] if picture.ndim == 3 else 1))
        return picture

    def _seen(self, picture: Scene) -> Features:
        box = self.box
        inside = picture[int(box.top) : int(box.bottom), int(box.left) : int(box.right)]
        return cv2.resize(inside, _SEEN, interpolation=cv2.INTER_AREA).astype(np.float32).ravel()


def _moved(box: Box, x: float, y: float) -> Box:
    return Box(box.left + x, box.top + y, box.right + x, box.bottom + y)


def chance_among(distances: NDArray[Any], number: int, best: int) -> float:
    """The chance that this candidate is among the nearest ones, if those of equal distance are drawn by lot."""
    nearer = int((distances < distances[number]).sum())
    equal = int((distances == distances[number]).sum())
    return min(max((best - nearer) / equal, 0.0), 1.0)


def noisy(scene: Scene, random: np.random.Generator) -> Scene:
    """The scene as a sensor sees it."""
    return np.clip(scene + random.normal(0, NOISE, scene.shape), 0, 255).astype(np.uint8)


def coded(scene: Scene) -> Scene:
    """The scene once it was written as a JPEG and read again."""
    data = cv2.imencode(".jpg", scene, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1]
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_UNCHANGED), np.uint8)
