"""Prints what the detectors find of what people labelled, and what they still find once it is anonymized."""

from __future__ import annotations

import argparse
import math
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from scripts.measuring.evaluation import irreversible
from scripts.measuring.evaluation.labelled import SHARED, LabelledPicture, media_photos, validation_split
from scripts.measuring.evaluation.matching import Counts, at_least_32_square, longer_side, tally, unmasked_20_pixels
from services.common.media.vocabulary import Mode, ObjectClass
from services.common.settings.reading import load_settings
from services.processor.anonymize.options import AnonymizeOptions
from services.processor.detect.detector import ComposedDetector, open_detector
from services.processor.models.registry import Registry, load_registry
from services.processor.models.runtime import Provider, Runtime
from services.processor.models.store import ModelStore
from services.processor.photo.photo import anonymize_photo
from services.processor.vision.detections import Detection

WANTED_PRECISION = 0.7
LENGTHS = (8, 16, 32, 64, 128)
_LOW = dict.fromkeys(ObjectClass, 0.05)


@dataclass(frozen=True, slots=True)
class _Set:
    """Pictures, and what to say of them."""

    name: str
    pictures: Sequence[LabelledPicture]


def main() -> int:
    """Reads the command line, measures, prints."""
    if sys.argv[1:2] == ["irreversible"]:
        return irreversible.main(sys.argv[2:])
    parser = argparse.ArgumentParser(
        prog="scripts/evaluate",
        description=__doc__,
        epilog="scripts/evaluate irreversible attacks covers, sizes measures by the size of pictures; see their --help",
    )
    parser.add_argument("--weights", choices=("pulled", "bundled", "both"), default="both")
    parser.add_argument("--models", type=Path, help="folder of pulled weights (shared/models, else the models folder)")
    parser.add_argument("--shared", type=Path, default=SHARED, help="folder of labelled pictures")
    parser.add_argument("--only", action="append", metavar="MODEL", help="choose among these models alone")
    parser.add_argument("--set", choices=("photos", "val"), action="append", help="the pictures (both)")
    parser.add_argument("--mode", type=Mode, action="append", choices=list(Mode), help="ways to anonymize (gradient)")
    parser.add_argument("--without-anonymized", action="store_true", help="leave out what is found afterwards")
    parser.add_argument("--provider", type=Provider, choices=list(Provider), default=Provider.CPU)
    parser.add_argument("--threads", type=int, default=min(2, os.cpu_count() or 1))
    options = parser.parse_args()
    if not (options.shared / "media").is_dir():
        sys.exit(f"no labelled pictures: there is no folder {options.shared}; name one with --shared")
    folder = options.models or _models(options.shared)
    registry, store = load_registry(folder), ModelStore(folder)
    sets = [_Set(name, list(_READERS[name](options.shared))) for name in options.set or _READERS]
    modes = [] if options.without_anonymized else options.mode or [Mode.GRADIENT]
    for weights in ("pulled", "bundled"):
        if options.weights in (weights, "both"):
            runtime = Runtime(options.provider, options.threads)
            only = _named(registry, weights == "bundled", options.only)
            detector = open_detector(registry, store, runtime, only=only)
            _describe(weights, detector)
            for each in sets:
                _evaluate(each, detector, modes)
    return 0


_READERS: Mapping[str, Callable[[Path], Iterable[LabelledPicture]]] = {"photos": media_photos, "val": validation_split}


def _models(shared: Path) -> Path:
    return shared / "models" if (shared / "models").is_dir() else load_settings().models_folder


def _named(registry: Registry, bundled: bool, only: Sequence[str] | None) -> frozenset[str]:
    names = {entry.name for entry in registry if entry.bundled or not bundled}
    return frozenset(names & set(only) if only else names)


def _describe(weights: str, detector: ComposedDetector) -> None:
    print(f"\n{weights.upper()} WEIGHTS")
    for object_class, entry in detector.serving.items():
        threshold = entry.classes[object_class].threshold
        print(f"  {object_class:13} {entry.title} {entry.version}, from a score of {threshold:g}")
    for object_class in sorted(set(ObjectClass) - detector.classes):
        print(f"  {object_class:13} no model")


def _evaluate(pictures: _Set, detector: ComposedDetector, modes: Sequence[Mode]) -> None:
    found = [_detect(detector, each) for each in _counted(pictures, "detecting")]
    low = [detector.detect(each.picture, each.classes, _LOW) for each in _counted(pictures, "looking closer")]
    after = {mode: _after(pictures, detector, mode) for mode in modes}
    print(f"\n  {pictures.name}, {len(pictures.pictures)} pictures; objects of 32x32 pixels or more, IoU .5")
    heads = ["objects", "recall", "precision", f"recall at precision {WANTED_PRECISION:g}", "its threshold"]
    print("    " + " " * 28 + "  ".join(heads + [f"recall after {mode}" for mode in modes]))
    for object_class in filter(detector.classes.__contains__, ObjectClass):
        rows: list[tuple[str, Counts]] = [(object_class.value, at_least_32_square)]
        if object_class is ObjectClass.FACE:
            rows.append(("face, unmasked, 20 pixels", unmasked_20_pixels))
        for title, counts in rows:
            figures = tally(pictures.pictures, found, object_class, counts)
            if not figures.objects:
                continue
            best, threshold = tally(pictures.pictures, low, object_class, counts).best_recall(WANTED_PRECISION)
            cells = [f"{figures.objects}", f"{figures.recall():.3f}", f"{figures.precision():.3f}"]
            cells += [f"{best:.3f}", f"{threshold:.3f}"]
            cells += [f"{tally(pictures.pictures, seen, object_class, counts).recall():.3f}" for seen in after.values()]
            if counts is unmasked_20_pixels:
                cells[2:5] = ["", "", ""]
            widths = [len(head) for head in heads] + [len(f"recall after {mode}") for mode in modes]
            line = "  ".join(cell.rjust(width) for cell, width in zip(cells, widths, strict=True))
            print(f"    {title:28}{line}")
        print(f"      by longer side: {', '.join(_by_length(pictures, found, object_class))}")


def _by_length(pictures: _Set, found: Sequence[Sequence[Detection]], object_class: ObjectClass) -> list[str]:
    cells = []
    for shortest, longest in zip(LENGTHS, (*LENGTHS[1:], math.inf), strict=True):
        figures = tally(pictures.pictures, found, object_class, longer_side(shortest, longest))
        if figures.objects:
            cells.append(f"{figures.recall():.2f} of {figures.objects} from {shortest} px")
    return cells


def _detect(detector: ComposedDetector, picture: LabelledPicture) -> list[Detection]:
    return detector.detect(picture.picture, picture.classes)


def _after(pictures: _Set, detector: ComposedDetector, mode: Mode) -> list[list[Detection]]:
    """Returns what the same detector finds in each picture after its labelled classes were anonymized."""
    found = []
    for each in _counted(pictures, f"after {mode}"):
        result = anonymize_photo(each.path, AnonymizeOptions(each.classes, mode), detector)
        output = cv2.imdecode(np.frombuffer(result.content, np.uint8), cv2.IMREAD_COLOR)
        found.append(detector.detect(np.asarray(output, np.uint8), each.classes))
    return found


def _counted(pictures: _Set, doing: str) -> Iterable[LabelledPicture]:
    """Yields the pictures and shows the progress on a terminal."""
    shown = sys.stderr.isatty()
    for number, picture in enumerate(pictures.pictures, 1):
        if shown:
            sys.stderr.write(f"\r\033[K{doing} {pictures.name}: {number} of {len(pictures.pictures)}")
        yield picture
    if shown:
        sys.stderr.write("\r\033[K")


if __name__ == "__main__":
    sys.exit(main())
