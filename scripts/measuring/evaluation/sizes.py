"""Prints how many faces and plates are found and covered, by their size and by the size of the picture."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO, TypeAlias, cast

import numpy as np

from scripts.measuring.benchmarks.deface import deface_python
from scripts.measuring.evaluation.canvases import Canvas, draw_canvas, read_backgrounds, read_crops
from scripts.measuring.evaluation.coverage import covered_share
from scripts.measuring.evaluation.labelled import SHARED
from scripts.measuring.evaluation.matching import MATCH_IOU
from services.common.media.vocabulary import Box, Mode, ObjectClass, Shape
from services.processor.anonymize.options import AnonymizeOptions
from services.processor.anonymize.plan import Cover, cover_object
from services.processor.detect.detector import ComposedDetector, open_detector
from services.processor.models.registry import load_registry
from services.processor.models.runtime import Runtime
from services.processor.models.store import ModelStore
from services.processor.vision.detections import Picture

LENGTHS = (8, 16, 32, 45, 64, 70, 100, 128, 256)
SIZES = {1: (1160, 870), 3: (2000, 1500), 12: (4000, 3000), 24: (6000, 4000), 48: (8000, 6000)}
"""The width and height of a picture of so many megapixels."""
OBJECTS = {1: 1, 3: 2, 12: 6, 24: 8, 48: 12}
"""How many of each class and length a canvas gets, as far as there is room."""
CANVASES = {1: 8, 3: 4, 12: 2, 24: 1, 48: 1}
SMALLEST_SOURCE = 60
COVERED = 0.98
DEFACE_MARGIN = 0.15
"""`deface` covers the ellipse in a box of 1.3 times the size."""
CLASSES = frozenset({ObjectClass.FACE, ObjectClass.LICENSE_PLATE})


@dataclass(frozen=True, slots=True)
class Found:
    """One object that a tool found, and how it covers it."""

    object_class: ObjectClass
    box: Box
    cover: Cover


Tool: TypeAlias = Callable[[Picture], tuple[Sequence[Found], float]]
"""Returns what is found in a picture, and the CPU seconds that it took."""


@dataclass(slots=True)
class _Row:
    objects: int = 0
    found: int = 0
    covered: int = 0


@dataclass(slots=True)
class _Outcome:
    rows: dict[tuple[ObjectClass, int], _Row] = field(default_factory=dict)
    false_covers: int = 0
    seconds: float = 0.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Reads the command line, measures, prints."""
    parser = argparse.ArgumentParser(prog="scripts/evaluate sizes", description=__doc__)
    parser.add_argument("--weights", choices=("bundled", "pulled", "deface"), action="append", help="whose (all)")
    parser.add_argument("--megapixels", type=int, choices=tuple(SIZES), action="append", help="of the pictures (all)")
    parser.add_argument("--shared", type=Path, default=SHARED, help="folder of labelled pictures and pulled weights")
    parser.add_argument("--seconds", type=float, default=5.0, help="budget of a picture (5), the mesh's setting")
    parser.add_argument("--turned", type=int, choices=(0, 1, 2, 3), default=0, help="quarters to turn pictures by (0)")
    parser.add_argument(
        "--pictures", type=int, help=f"of each size ({CANVASES[1]} of 1 megapixel to {CANVASES[48]} of 48)"
    )
    parser.add_argument("--seed", type=int, default=1, help="of the first picture; each further one has the next")
    options = parser.parse_args(arguments)
    if not (options.shared / "training").is_dir():
        sys.exit(f"no labelled pictures: there is no folder {options.shared}; name one with --shared")
    crops, backgrounds = read_crops(options.shared, SMALLEST_SOURCE), read_backgrounds(options.shared)
    with tempfile.TemporaryDirectory() as folder:
        tools = _open_tools(options.weights, options.shared, options.seconds, Path(folder))
        print(
            "recall at IoU .5 / share of the objects whose pixels are covered to 98 % / recall of all that are as large"
        )
        print("or larger; by longer side in pixels")
        for megapixels in options.megapixels or SIZES:
            width, height = SIZES[megapixels]
            outcomes = {name: _Outcome() for name in tools}
            pictures = options.pictures or CANVASES[megapixels]
            for number in range(pictures):
                lengths = LENGTHS * OBJECTS[megapixels]
                canvas = draw_canvas(width, height, lengths, crops, backgrounds, options.seed + number)
                for name, tool in tools.items():
                    _measure(canvas.turned(options.turned), tool, outcomes[name])
            _print(megapixels, outcomes, pictures)
        for tool in tools.values():
            if isinstance(tool, _Deface):
                tool.close()
    return 0


def _open_tools(wanted: Sequence[str] | None, shared: Path, seconds: float, folder: Path) -> dict[str, Tool]:
    registry, store = load_registry(), ModelStore(shared / "models")
    bundled = frozenset(entry.name for entry in registry if entry.bundled)
    tools: dict[str, Tool] = {}
    for name, only in (("bundled", bundled), ("pulled", None)):
        if wanted is None or name in wanted:
            tools[name] = partial(_search, open_detector(registry, store, Runtime(), CLASSES, only, seconds))
    python = deface_python()
    if python is not None and (wanted is None or "deface" in wanted):
        tools["deface"] = _Deface(python, folder)
    return tools


def _search(detector: ComposedDetector, picture: Picture) -> tuple[Sequence[Found], float]:
    began = time.process_time()
    found = detector.detect(picture, CLASSES)
    seconds = time.process_time() - began
    options = AnonymizeOptions()
    covers = [cover_object(one.object_class, one.box, options) for one in found]
    return [Found(one.object_class, one.box, cover) for one, cover in zip(found, covers, strict=True)], seconds


class _Deface:
    """`deface` in a process of its own; it finds faces alone."""

    def __init__(self, python: Path, folder: Path) -> None:
        program = Path(__file__).with_name("deface_boxes.py")
        self._path = folder / "picture.npy"
        self._process = subprocess.Popen([python, program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._requests, self._answers = cast("IO[str]", self._process.stdin), cast("IO[str]", self._process.stdout)

    def __call__(self, picture: Picture) -> tuple[Sequence[Found], float]:
        np.save(self._path, picture[:, :, ::-1])
        self._requests.write(f"{self._path}\n")
        self._requests.flush()
        answer = json.loads(self._answers.readline())
        boxes = [Box(*sides) for sides in answer["boxes"]]
        covers = [Cover(box.expanded(DEFACE_MARGIN), Shape.ELLIPSE, Mode.BLUR) for box in boxes]
        return [Found(ObjectClass.FACE, box, cover) for box, cover in zip(boxes, covers, strict=True)], answer[
            "seconds"
        ]

    def close(self) -> None:
        """Ends the process."""
        self._process.communicate()


def _measure(canvas: Canvas, tool: Tool, outcome: _Outcome) -> None:
    found, seconds = tool(canvas.picture)
    outcome.seconds += seconds
    for placed in canvas.objects:
        row = outcome.rows.setdefault((placed.object_class, placed.length), _Row())
        own = [one for one in found if one.object_class is placed.object_class]
        row.objects += 1
        row.found += any(one.box.iou(placed.box) >= MATCH_IOU for one in own)
        covers = [one.cover for one in found]
        row.covered += covered_share(placed.object_class, placed.box, covers) >= COVERED
    # What is found in a crop may be an object without a label.
    outcome.false_covers += sum(not any(one.box.intersection(crop) for crop in canvas.crops) for one in found)


def _print(megapixels: int, outcomes: Mapping[str, _Outcome], pictures: int) -> None:
    width, height = SIZES[megapixels]
    print(f"\n{megapixels} megapixels ({width}x{height}), {pictures} pictures")
    for name, outcome in outcomes.items():
        per_picture = f"{outcome.seconds / pictures:.2f} CPU s, {outcome.false_covers / pictures:.1f} false covers"
        print(f"  {name}: {per_picture} a picture")
    print("    " + " " * 24 + "".join(f"{name:>22}" for name in outcomes))
    rows = sorted({key for outcome in outcomes.values() for key in outcome.rows})
    for key in rows:
        object_class, length = key
        counts = [(outcome.rows[key], _larger_found(outcome, *key)) for outcome in outcomes.values()]
        title = f"{object_class.replace('_', ' ')} {length} px, {counts[0][0].objects}"
        cells = [
            f"{row.found / row.objects:.2f} / {row.covered / row.objects:.2f} / {larger:.2f}" for row, larger in counts
        ]
        print(f"    {title:24}" + "".join(f"{cell:>22}" for cell in cells))


def _larger_found(outcome: _Outcome, object_class: ObjectClass, length: int) -> float:
    """The share that is found of the objects of a class that are as long or longer."""
    rows = [row for (other, longer), row in outcome.rows.items() if other is object_class and longer >= length]
    return sum(row.found for row in rows) / sum(row.objects for row in rows)


if __name__ == "__main__":
    sys.exit(main())
