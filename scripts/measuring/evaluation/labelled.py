"""Labelled pictures of the shared data, and which of their labels people made."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2

from services.common.media.vocabulary import Box, ObjectClass
from services.processor.vision.detections import Picture

SHARED = Path(os.environ.get("DROPMESH_SHARED") or Path(__file__).resolve().parents[4] / "shared")
_NUMBERED = (ObjectClass.FACE, ObjectClass.PERSON, ObjectClass.LICENSE_PLATE, ObjectClass.VEHICLE)
_UNMASKED = Path(__file__).with_name("unmasked_faces.txt")


@dataclass(frozen=True, slots=True)
class Label:
    """One object that a person drew a box around."""

    object_class: ObjectClass
    box: Box
    unmasked: bool = False
    """A face without a mask; said of the val split only."""


@dataclass(frozen=True, slots=True)
class LabelledPicture:
    """A picture, its labels, the regions that do not count, and the classes whose labels people made."""

    path: Path
    picture: Picture
    labels: tuple[Label, ...]
    ignored: tuple[Label, ...]
    classes: frozenset[ObjectClass]


def media_photos(shared: Path) -> Iterator[LabelledPicture]:
    """The photos of media/: persons and vehicles (COCO), license plates (Romania)."""
    for path in sorted((shared / "media" / "photos").glob("*.jpg")):
        plates = path.name.startswith("plate")
        classes = {ObjectClass.LICENSE_PLATE} if plates else {ObjectClass.PERSON, ObjectClass.VEHICLE}
        picture = _read(path)
        yield LabelledPicture(path, picture, read_labels(path.with_suffix(".txt"), picture), (), frozenset(classes))


def validation_split(shared: Path) -> Iterator[LabelledPicture]:
    """The val split of training/, as far as people labelled it."""
    folder = shared / "training"
    with (folder / "ORIGIN.csv").open(newline="", encoding="utf-8") as file:
        human = {row["file"]: row["human_labelled"] for row in csv.DictReader(file)}
    unmasked = _unmasked()
    for line in (folder / "val.txt").read_text().split():
        name = Path(line).name
        classes = frozenset(map(ObjectClass, filter(None, human[name].split("|"))))
        path = folder / "images" / name
        picture = _read(path)
        labels = folder / "labels" / f"{path.stem}.txt"
        yield LabelledPicture(
            path,
            picture,
            read_labels(labels, picture, unmasked.get(name, frozenset())),
            read_labels(labels.with_suffix(".ignore.txt"), picture),
            classes,
        )


def _read(path: Path) -> Picture:
    picture = cv2.imread(str(path))
    if picture is None:
        raise ValueError(f"{path} cannot be read")
    return picture.astype("uint8", copy=False)


def read_labels(path: Path, picture: Picture, unmasked: frozenset[int] = frozenset()) -> tuple[Label, ...]:
    if not path.exists():
        return ()
    height, width = picture.shape[:2]
    labels = []
    for number, line in enumerate(filter(None, path.read_text().splitlines())):
        name, *values = line.split()
        x, y, wide, tall = (float(value) for value in values)
        box = Box((x - wide / 2) * width, (y - tall / 2) * height, (x + wide / 2) * width, (y + tall / 2) * height)
        object_class = _NUMBERED[int(name)] if name.isdigit() else ObjectClass(name)
        labels.append(Label(object_class, box, number in unmasked))
    return tuple(labels)


def _unmasked() -> dict[str, frozenset[int]]:
    lines = [line.split() for line in _UNMASKED.read_text().splitlines() if not line.startswith("#")]
    return {name: frozenset(map(int, numbers)) for name, *numbers in lines}
