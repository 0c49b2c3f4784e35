"""Anonymizes one video in this process, as a worker would, and prints what became of it as JSON."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from services.common.media.vocabulary import Mode, ObjectClass
from services.processor.anonymize.options import AnonymizeOptions
from services.processor.detect.detector import open_detector
from services.processor.models.registry import load_registry
from services.processor.models.runtime import Runtime
from services.processor.models.store import ModelStore
from services.processor.video.anonymize_video import anonymize_video
from services.processor.video.limits import VideoLimits


def main() -> None:
    """Read the command line and do it."""
    parser = argparse.ArgumentParser(prog="anonymize_one", description=__doc__)
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--objects", nargs="+", type=ObjectClass, default=[ObjectClass.FACE])
    parser.add_argument("--mode", type=Mode, default=Mode.GRADIENT)
    parser.add_argument("--models", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    classes = frozenset(arguments.objects)
    detector = open_detector(load_registry(), ModelStore(arguments.models), Runtime(threads=arguments.threads), classes)
    result = anonymize_video(
        arguments.source,
        arguments.target,
        AnonymizeOptions(object_classes=classes, mode=arguments.mode),
        detector,
        limits=VideoLimits(),
        progress=lambda _done, _total: None,
        cancelled=lambda: False,
        threads=arguments.threads,
    )
    print(
        json.dumps(
            {
                "frames": result.frames,
                "detected_frames": result.detected_frames,
                "tracks": len(result.tracks),
                "models": dict(detector.versions),
                "warnings": result.warnings,
                "peak_bytes": _peak_bytes(),
                "seconds": {step: taken.total_seconds() for step, taken in result.timings.items()},
            }
        )
    )


def _peak_bytes() -> int:
    """Of this process alone: getrusage's peak begins with the parent's."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0


if __name__ == "__main__":
    main()
