"""Pictures of any size with objects of known sizes: crops of labelled objects, in a patchwork of empty pictures."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from scripts.measuring.evaluation.labelled import LabelledPicture, media_photos, read_labels, validation_split
from services.common.media.vocabulary import Box, ObjectClass
from services.processor.vision.detections import Picture

FACES_FROM = "mask853"
"""The pictures whose face labels are close; most of the faces wear a mask."""
PATCH_SIDE = 1280
"""The side of the squares of the patchwork."""
CONTEXT = 1.0
"""How much of its surroundings is cut out with an object, on each side, as a share of its longer side."""
SHARPNESS = 0.9
"""An object is enlarged at most to its own size divided by this."""
PLACE_TRIES = 60


@dataclass(frozen=True, slots=True)
class Crop:
    """A labelled object with its surroundings; `box` is in pixels of the crop."""

    picture: Picture
    object_class: ObjectClass
    box: Box

    @property
    def length(self) -> float:
        """The longer side of the object."""
        return max(self.box.width, self.box.height)


@dataclass(frozen=True, slots=True)
class PlacedObject:
    """An object in a canvas: its class, its box, and the longer side that it was scaled to."""

    object_class: ObjectClass
    box: Box
    length: int


@dataclass(frozen=True, slots=True)
class Canvas:
    """A picture, the objects in it, and the crops that they came in."""

    picture: Picture
    objects: tuple[PlacedObject, ...]
    crops: tuple[Box, ...]

    def turned(self, quarters: int) -> Canvas:
        """The same, turned counter-clockwise by so many quarters."""
        if quarters % 4 == 0:
            return self
        width = self.picture.shape[1]
        objects = (PlacedObject(one.object_class, _turned(one.box, width), one.length) for one in self.objects)
        crops = (_turned(box, width) for box in self.crops)
        picture = np.ascontiguousarray(np.rot90(self.picture))
        return Canvas(picture, tuple(objects), tuple(crops)).turned(quarters - 1)


def read_crops(shared: Path, smallest: float) -> list[Crop]:
    """Faces and plates that people labelled, of this longer side or more.

    Plates are those of pictures that the bundled detector was not trained on; so few faces are large enough there that
    those of the training pictures are taken too, which the models that serve faces never saw.
    """
    crops = [
        crop
        for picture in [*validation_split(shared), *media_photos(shared)]
        for crop in _cut(picture, ObjectClass.LICENSE_PLATE, smallest)
    ]
    folder = shared / "training"
    for path in sorted((folder / "images").glob(f"{FACES_FROM}*")):
        picture = _read(path)
        labels = read_labels(folder / "labels" / f"{path.stem}.txt", picture)
        faces = LabelledPicture(path, picture, labels, (), frozenset({ObjectClass.FACE}))
        crops += _cut(faces, ObjectClass.FACE, smallest)
    return crops


def read_backgrounds(shared: Path) -> list[Picture]:
    """The training pictures that show no object of any class."""
    folder = shared / "training"
    with (folder / "ORIGIN.csv").open(newline="", encoding="utf-8") as file:
        names = [row["file"] for row in csv.DictReader(file)]
    return [_read(folder / "images" / name) for name in names if _is_empty(folder / "labels", Path(name).stem)]


def draw_canvas(
    width: int, height: int, lengths: Iterable[int], crops: Sequence[Crop], backgrounds: Sequence[Picture], seed: int
) -> Canvas:
    """A canvas with a face and a plate of each of these lengths, as far as there is room; none overlap."""
    chance = np.random.default_rng(seed)
    canvas = _patchwork(width, height, backgrounds, chance)
    objects: list[PlacedObject] = []
    taken: list[Box] = []
    for length in sorted(lengths, reverse=True):
        for object_class in (ObjectClass.FACE, ObjectClass.LICENSE_PLATE):
            fitting = [
                crop for crop in crops if crop.object_class is object_class and crop.length >= SHARPNESS * length
            ]
            if not fitting:
                continue
            crop = fitting[int(chance.integers(len(fitting)))]
            scale = length / crop.length
            tall, wide = (max(1, round(side * scale)) for side in crop.picture.shape[:2])
            place = _free_place(width, height, wide, tall, taken, chance)
            if place is None:
                continue
            taken.append(place)
            left, top = int(place.left), int(place.top)
            canvas[top : top + tall, left : left + wide] = _resized(crop.picture, wide, tall)
            box = Box(*(side * scale for side in (crop.box.left, crop.box.top, crop.box.right, crop.box.bottom)))
            moved = Box(left + box.left, top + box.top, left + box.right, top + box.bottom)
            objects.append(PlacedObject(object_class, moved, length))
    return Canvas(canvas, tuple(objects), tuple(taken))


def _cut(picture: LabelledPicture, object_class: ObjectClass, smallest: float) -> Iterator[Crop]:
    height, width = picture.picture.shape[:2]
    for label in picture.labels:
        box = label.box
        inside = box.left >= 1 and box.top >= 1 and box.right <= width - 1 and box.bottom <= height - 1
        if label.object_class is not object_class or object_class not in picture.classes or not inside:
            continue
        if max(box.width, box.height) < smallest:
            continue
        reach = CONTEXT * max(box.width, box.height)
        left, top = max(0, round(box.left - reach)), max(0, round(box.top - reach))
        right, bottom = min(width, round(box.right + reach)), min(height, round(box.bottom + reach))
        moved = Box(box.left - left, box.top - top, box.right - left, box.bottom - top)
        yield Crop(picture.picture[top:bottom, left:right], object_class, moved)


def _turned(box: Box, width: float) -> Box:
    return Box(box.top, width - box.right, box.bottom, width - box.left)


def _is_empty(labels: Path, stem: str) -> bool:
    written = labels / f"{stem}.txt"
    return not (labels / f"{stem}.ignore.txt").exists() and not (written.exists() and written.read_text().strip())


def _read(path: Path) -> Picture:
    picture = cv2.imread(str(path))
    if picture is None:
        raise ValueError(f"{path} cannot be read")
    return picture.astype(np.uint8, copy=False)


def _resized(picture: Picture, width: int, height: int) -> Picture:
    interpolation = cv2.INTER_AREA if width < picture.shape[1] else cv2.INTER_CUBIC
    return cv2.resize(picture, (width, height), interpolation=interpolation).astype(np.uint8, copy=False)


def _patchwork(width: int, height: int, backgrounds: Sequence[Picture], chance: np.random.Generator) -> Picture:
    canvas = np.empty((height, width, 3), np.uint8)
    for top in range(0, height, PATCH_SIDE):
        for left in range(0, width, PATCH_SIDE):
            patch = backgrounds[int(chance.integers(len(backgrounds)))]
            tall, wide = min(PATCH_SIDE, height - top), min(PATCH_SIDE, width - left)
            scale = PATCH_SIDE / min(patch.shape[:2])
            grown = cv2.resize(patch, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
            canvas[top : top + tall, left : left + wide] = grown[:tall, :wide]
    return canvas


def _free_place(
    width: int, height: int, wide: int, tall: int, taken: Sequence[Box], chance: np.random.Generator
) -> Box | None:
    if wide > width or tall > height:
        return None
    for _ in range(PLACE_TRIES):
        left, top = int(chance.integers(width - wide + 1)), int(chance.integers(height - tall + 1))
        place = Box(left, top, left + wide, top + tall)
        if not any(place.intersection(other) for other in taken):
            return place
    return None
