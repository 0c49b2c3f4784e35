"""Labelled faces, each cut out and set into a scene that does not change."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Final, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from scripts.measuring.evaluation.labelled import read_labels
from services.common.media.vocabulary import Box, ObjectClass

SCENE_SIZE: Final = (160, 176)
FACE: Final = Box(48, 48, 112, 128)
SMALLEST_FACE_PIXELS: Final = 40
Face: TypeAlias = NDArray[np.uint8]

_WALL: Final = (96, 112, 120)


def labelled_faces(shared: Path) -> Iterator[Face]:
    """The faces that people labelled, all in one size, in an order that stays."""
    folder = shared / "training"
    size = int(FACE.width), int(FACE.height)
    with (folder / "ORIGIN.csv").open(newline="", encoding="utf-8") as file:
        names = [row["file"] for row in csv.DictReader(file) if "face" in row["human_labelled"].split("|")]
    for name in sorted(names):
        picture = np.asarray(cv2.imread(str(folder / "images" / name)), np.uint8)
        height, width = picture.shape[:2]
        for label in read_labels(folder / "labels" / f"{Path(name).stem}.txt", picture):
            box = label.box.clipped(width, height)
            if label.object_class is ObjectClass.FACE and min(box.width, box.height) >= SMALLEST_FACE_PIXELS:
                face = picture[int(box.top) : int(box.bottom), int(box.left) : int(box.right)]
                yield np.asarray(cv2.resize(face, size, interpolation=cv2.INTER_AREA), np.uint8)


def scene_of(face: Face) -> Face:
    """A wall with this face before it."""
    width, height = SCENE_SIZE
    scene = np.empty((height, width, 3), np.uint8)
    scene[...] = _WALL
    scene[int(FACE.top) : int(FACE.bottom), int(FACE.left) : int(FACE.right)] = face
    return scene


def another_photo(face: Face, random: np.random.Generator) -> Face:
    """The face in another light, a little turned, larger or smaller, and aside."""
    height, width = face.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), random.uniform(-6, 6), random.uniform(0.93, 1.07))
    aside = np.zeros((2, 3))
    aside[:, 2] = random.uniform(-0.04, 0.04, 2) * (width, height)
    moved = cv2.warpAffine(face, turn + aside, (width, height), borderMode=cv2.BORDER_REFLECT)
    light = random.uniform(0.75, 1.25) * random.uniform(0.93, 1.07, 3)
    side = np.linspace(1, random.uniform(0.75, 1.25), width)[None, :, None]
    return np.clip(moved * light * side, 0, 255).astype(np.uint8)
