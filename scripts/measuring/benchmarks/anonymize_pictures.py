"""Anonymizes picture after picture with models loaded once, as a worker would; started by the measuring command.

Reads `SOURCE<tab>TARGET` lines; answers each with a line of JSON: what it took, in all and step by step.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import cv2

from services.common.media.vocabulary import ObjectClass
from services.processor.anonymize.options import AnonymizeOptions
from services.processor.detect.detector import open_detector
from services.processor.models.registry import load_registry
from services.processor.models.runtime import Runtime
from services.processor.models.store import ModelStore
from services.processor.photo.photo import anonymize_photo


def main() -> None:
    """Read the command line and serve until the input ends."""
    parser = argparse.ArgumentParser(prog="anonymize_pictures", description=__doc__)
    parser.add_argument("--models", type=Path, required=True)
    parser.add_argument("--only", action="append", help="models to choose from")
    parser.add_argument("--objects", nargs="+", type=ObjectClass, required=True)
    parser.add_argument("--threads", type=int, required=True)
    arguments = parser.parse_args()
    cv2.setNumThreads(arguments.threads)
    model_seconds: list[float] = []
    runtime = Runtime(threads=arguments.threads, observe=lambda _name, seconds: model_seconds.append(seconds))
    only = frozenset(arguments.only) if arguments.only else None
    classes = frozenset(arguments.objects)
    detector = open_detector(load_registry(), ModelStore(arguments.models), runtime, classes, only)
    for line in sys.stdin:
        source, target = map(Path, line.rstrip("\n").split("\t"))
        model_seconds.clear()
        wall, processor = time.perf_counter(), time.process_time()
        result = anonymize_photo(source, AnonymizeOptions(object_classes=classes), detector)
        target.write_bytes(result.content)
        taken = {
            "wall": time.perf_counter() - wall,
            "processor": time.process_time() - processor,
            "model": sum(model_seconds),
            "objects": len(result.objects),
            "steps": {step: spent.total_seconds() for step, spent in result.timings.items()},
            "models": dict(detector.versions),
        }
        print(json.dumps(taken), flush=True)


if __name__ == "__main__":
    main()
