"""Times detection alone: the models' runs, and the work around them, by the size of the picture."""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np

from services.common.media.vocabulary import ObjectClass
from services.processor.detect.detector import ComposedDetector, open_detector
from services.processor.models.registry import load_registry
from services.processor.models.runtime import Provider, Runtime
from services.processor.models.store import ModelStore
from services.processor.vision.detections import Picture

SHARED = Path(os.environ.get("DROPMESH_SHARED") or Path(__file__).resolve().parents[4] / "shared")
SIZES = ((640, 480), (1280, 720), (1920, 1080), (4000, 3000))
CLASSES: Mapping[str, frozenset[ObjectClass]] = {
    **{object_class.value: frozenset({object_class}) for object_class in ObjectClass},
    "all": frozenset(ObjectClass),
}


def main() -> None:
    """Read the command line and print what was measured."""
    parser = argparse.ArgumentParser(prog="scripts/bench detect", description=__doc__)
    parser.add_argument("--photo", type=Path, help="a picture, resized to each size (one of the shared photos)")
    parser.add_argument("--models", type=Path, default=SHARED / "models", help="the folder of pulled weights")
    parser.add_argument("--only", action="append", metavar="MODEL", help="choose among these models alone")
    parser.add_argument("--provider", type=Provider, choices=list(Provider), default=Provider.CPU)
    parser.add_argument("--threads", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument("--rounds", type=int, default=7, help="after one to warm up (7)")
    options = parser.parse_args()
    photo = options.photo or next((SHARED / "media" / "photos").glob("coco_*.jpg"), None)
    scene = cv2.imread(str(photo)) if photo else None
    if scene is None:
        sys.exit(f"no picture to detect in: {photo or 'name one with --photo'}")
    cv2.setNumThreads(options.threads)
    runs: list[float] = []
    runtime = Runtime(options.provider, options.threads, lambda _name, seconds: runs.append(seconds))
    only = frozenset(options.only) if options.only else None
    detector = open_detector(load_registry(), ModelStore(options.models), runtime, only=only)
    for object_class, entry in detector.serving.items():
        print(f"{object_class:13} {entry.title} {entry.version}")
    load = ", ".join(f"{one:.1f}" for one in os.getloadavg())
    print(
        f"{options.threads} threads of {os.cpu_count()} processors, load {load}; medians of {options.rounds} rounds\n"
    )
    print("picture    classes        runs  models ms  around ms  in all ms  around %")
    for size in SIZES:
        picture = np.asarray(cv2.resize(scene, size), np.uint8)
        for name, classes in CLASSES.items():
            if classes & detector.classes:
                print(_line(size, name, *_measure(detector, picture, classes, runs, options.rounds)), flush=True)


def _measure(
    detector: ComposedDetector, picture: Picture, classes: frozenset[ObjectClass], runs: list[float], rounds: int
) -> tuple[int, float, float]:
    """How many runs of models one detection takes, and the medians of their seconds and of the whole."""
    models, whole = [], []
    for round_number in range(rounds + 1):
        runs.clear()
        began = time.perf_counter()
        detector.detect(picture, classes)
        if round_number > 0:
            whole.append(time.perf_counter() - began)
            models.append(sum(runs))
    return len(runs), statistics.median(models), statistics.median(whole)


def _line(size: tuple[int, int], name: str, runs: int, models: float, whole: float) -> str:
    around = whole - models
    return (
        f"{size[0]:4}x{size[1]:<4}  {name:13}  {runs:4}  {1000 * models:9.1f}  {1000 * around:9.1f}"
        f"  {1000 * whole:9.1f}  {100 * around / whole:7.0f}"
    )


if __name__ == "__main__":
    main()
