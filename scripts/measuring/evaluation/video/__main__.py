"""Prints, for each clip, how many frames show an object uncovered, and the CPU time a frame, beside `deface`."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from scripts.measuring.benchmarks.deface import installed_deface
from scripts.measuring.evaluation.labelled import SHARED
from scripts.measuring.evaluation.video.coverage import open_frames
from scripts.measuring.evaluation.video.flashes import write_flashes
from scripts.measuring.evaluation.video.making import first_part, make_reference
from scripts.measuring.evaluation.video.references import Reference, read_references, write_references
from scripts.measuring.evaluation.weights import open_weights
from services.common.media.vocabulary import Mode, ObjectClass
from services.processor.anonymize.options import AnonymizeOptions
from services.processor.detect.detector import ComposedDetector
from services.processor.video.anonymize_video import anonymize_video
from services.processor.video.limits import VideoLimits

CLIPS = (
    ("faces_stage.mp4", ObjectClass.FACE, 120),
    ("street_udacity.mp4", ObjectClass.VEHICLE, 20),
)
FLASHES = "flashes"
_ROW = "{:22} {:8} {:>6} {:>12}  {:8} {:>9} {:>14}"


def main() -> int:
    """Reads the command line, measures, prints."""
    parser = argparse.ArgumentParser(prog="scripts/evaluate video", description=__doc__)
    parser.add_argument("--shared", type=Path, default=SHARED, help="folder of clips and pulled weights")
    parser.add_argument("--deface", help="the command `deface` (installed into the user's cache where it is missing)")
    parser.add_argument("--only", default="", help="measure the clips alone whose name holds this text")
    parser.add_argument("--make-references", action="store_true", help="make the reference tracks anew; slow")
    options = parser.parse_args()
    clips = options.shared / "media" / "videos"
    if not clips.is_dir():
        sys.exit(f"no clips: there is no folder {clips}; name one with --shared")
    detectors = {weights: open_weights(options.shared / "models", weights) for weights in ("bundled", "pulled")}
    if options.make_references:
        strong = list(detectors.values())
        made: list[Reference] = []
        for name, kind, frames in CLIPS:
            made.append(make_reference(name, clips / name, kind, frames, strong))
            write_references(made)
        return 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        flashes = folder / f"{FLASHES}.mp4"
        references = [write_flashes(flashes, options.shared), *read_references()]
        print(_ROW.format("clip", "class", "frames", "with objects", "by", "uncovered", "CPU ms a frame"))
        for reference in references:
            if options.only not in reference.clip:
                continue
            source = (
                flashes
                if reference.clip == flashes.name
                else first_part(clips / reference.clip, folder / "in.mp4", reference.frames)
            )
            _measure(reference, source, folder, detectors, options.deface)
    return 0


def _measure(
    reference: Reference, source: Path, folder: Path, detectors: dict[str, ComposedDetector], deface: str | None
) -> None:
    target = folder / "out.mp4"
    runs: dict[str, Callable[[], float]] = {
        weights: partial(_anonymize, source, target, reference.object_class, detector)
        for weights, detector in detectors.items()
    }
    if reference.object_class is ObjectClass.FACE:
        runs["deface"] = partial(_deface, deface or str(installed_deface()), source, target)
    for by, run in runs.items():
        target.unlink(missing_ok=True)
        cpu_seconds = run()
        uncovered, shown = open_frames(target, reference)
        cost = f"{1000 * cpu_seconds / reference.frames:.1f}"
        cells = reference.clip, reference.object_class, reference.frames, shown, by, uncovered, cost
        print(_ROW.format(*cells), flush=True)


def _anonymize(source: Path, target: Path, object_class: ObjectClass, detector: ComposedDetector) -> float:
    # Opens the models: a worker has them open.
    detector.detect_frame(np.zeros((96, 96, 3), np.uint8), frozenset({object_class}), None, None)
    started = time.process_time()
    anonymize_video(
        source,
        target,
        AnonymizeOptions(frozenset({object_class}), Mode.SOLID),
        detector,
        limits=VideoLimits(),
        progress=lambda *_: None,
        cancelled=lambda: False,
    )
    return time.process_time() - started


def _deface(command: str, source: Path, target: Path) -> float:
    """Runs it without the time that its start takes."""
    start = _children_seconds([command, "--help"])
    return _children_seconds([command, "--replacewith", "solid", "-o", str(target), str(source)]) - start


def _children_seconds(command: Sequence[str]) -> float:
    before = os.times()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


if __name__ == "__main__":
    sys.exit(main())
