"""The training pictures and their boxes, decoded once into a flat file that is mapped into memory."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

# In the order of the label files, and of the scores that the model gives.
CLASSES = ("face", "person", "license_plate", "vehicle")

Boxes = NDArray[np.float32]
Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Picture:
    """A BGR picture with its boxes and the regions to ignore, both [n, 5]: class, x1, y1, x2, y2 in pixels."""

    name: str
    pixels: Pixels
    boxes: Boxes
    ignored: Boxes
    human_classes: frozenset[int]


def read_labels(path: Path, width: int, height: int) -> Boxes:
    """Reads YOLO lines (class cx cy w h, normalised) as pixel corners; an absent file means no boxes."""
    lines = [line.split() for line in path.read_text().splitlines() if line.strip()] if path.exists() else []
    values = np.array(lines, np.float32).reshape(-1, 5)
    half = values[:, 3:5] / 2
    corners = np.concatenate([values[:, 1:3] - half, values[:, 1:3] + half], 1)
    corners *= np.array([width, height, width, height], np.float32)
    return np.concatenate([values[:, :1], corners], 1).astype(np.float32)


class Pictures:
    """A split of the data set; its pixels lie in `cache` as one file that every process maps into memory."""

    def __init__(self, root: Path, split: str, cache: Path) -> None:
        self._pixels_path = cache / f"{split}.pixels"
        names = (root / f"{split}.txt").read_text().split()
        if not self._pixels_path.exists():
            _pack([root / name for name in names], self._pixels_path)
        self._pixels = np.memmap(self._pixels_path, np.uint8, "r")
        shapes = np.load(self._pixels_path.with_suffix(".npy"))
        human = _human_classes(root / "ORIGIN.csv")
        self.sources: list[str] = []
        self._pictures: list[tuple[int, int, int, str, Boxes, Boxes, frozenset[int]]] = []
        offset = 0
        for name, (height, width) in zip(names, shapes.tolist(), strict=True):
            labels = root / "labels" / Path(name).name
            boxes = read_labels(labels.with_suffix(".txt"), width, height)
            ignored = read_labels(labels.with_suffix(".ignore.txt"), width, height)
            self._pictures.append((offset, height, width, labels.name, boxes, ignored, human[labels.name]))
            self.sources.append(labels.name.split("_")[0])
            offset += height * width * 3

    def __len__(self) -> int:
        return len(self._pictures)

    def __getitem__(self, index: int) -> Picture:
        offset, height, width, name, boxes, ignored, human = self._pictures[index]
        pixels = self._pixels[offset : offset + height * width * 3].reshape(height, width, 3)
        return Picture(name, pixels, boxes, ignored, human)

    def __iter__(self) -> Iterator[Picture]:
        return (self[i] for i in range(len(self)))


def _pack(paths: list[Path], target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_suffix(".partial")
    shapes = []
    with partial.open("wb") as file:
        for path in paths:
            pixels = cv2.imread(str(path), cv2.IMREAD_COLOR)
            if pixels is None:
                raise ValueError(f"{path}: not a picture")
            shapes.append(pixels.shape[:2])
            file.write(pixels.tobytes())
    np.save(target.with_suffix(".npy"), np.array(shapes, np.int32))
    partial.rename(target)


def _human_classes(origin: Path) -> dict[str, frozenset[int]]:
    with origin.open(newline="") as file:
        return {
            row["file"]: frozenset(CLASSES.index(name) for name in row["human_labelled"].split("|") if name)
            for row in csv.DictReader(file)
        }
