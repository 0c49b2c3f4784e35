"""Measures the video anonymizer beside `deface`, whole processes in turn: rates, memory and coverage."""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import av

from scripts.measuring.benchmarks.coverage import measure_coverage
from scripts.measuring.benchmarks.deface import installed_deface
from scripts.measuring.benchmarks.whole_process import Cost, run_measured
from services.common.media.vocabulary import ObjectClass
from services.processor.detect.detector import open_detector
from services.processor.models.registry import load_registry
from services.processor.models.runtime import Runtime
from services.processor.models.store import ModelStore

SHARED = Path(os.environ.get("DROPMESH_SHARED") or Path(__file__).resolve().parents[4] / "shared")
OTHERS = {"street_udacity.mp4": ObjectClass.VEHICLE, "persons_corridor.mp4": ObjectClass.PERSON}
FACES, DEFAULTS = [ObjectClass.FACE], [ObjectClass.FACE, ObjectClass.LICENSE_PLATE]
LARGE = (1920, 1080)
MEMORY_REPEATS = 8
OURS = "dropmesh"
BACKENDS = ("onnxrt", "opencv")
"""Deface's backends; which is faster depends on the machine."""


def main() -> None:
    """Read the command line and print what was measured."""
    parser = argparse.ArgumentParser(prog="scripts/bench videos", description=__doc__)
    parser.add_argument("--video", type=Path, default=SHARED / "media" / "videos" / "faces_stage.mp4")
    parser.add_argument("--models", type=Path, default=SHARED / "models", help="the folder of pulled weights")
    parser.add_argument("--runs", type=int, default=2, help="of each, in turn (2)")
    parser.add_argument("--threads", type=int, default=2, help="for ours; deface takes what it likes (2)")
    parser.add_argument("--deface", type=Path, help="the command to measure against, instead of one in the cache")
    parser.add_argument("--without-deface", action="store_true")
    parser.add_argument("--others", action="store_true", help="vehicles and persons as well, without deface")
    parser.add_argument("--defaults", action="store_true", help="faces and license plates, in 1920x1080 too")
    parser.add_argument("--memory", action="store_true", help=f"the peak for the video {MEMORY_REPEATS} times over too")
    arguments = parser.parse_args()
    if not arguments.video.is_file():
        sys.exit(f"no video at {arguments.video}")
    with tempfile.TemporaryDirectory(prefix="dropmesh-bench-") as folder:
        bench = _Bench(Path(folder), arguments)
        bench.rates()
        bench.coverage(arguments.video, ObjectClass.FACE)
        if arguments.others:
            for name, object_class in OTHERS.items():
                bench.other(SHARED / "media" / "videos" / name, object_class)
        if arguments.defaults:
            bench.defaults(sorted((SHARED / "media" / "videos").glob("*.mp4")))
        if arguments.memory:
            bench.memory()


class _Bench:
    def __init__(self, folder: Path, arguments: argparse.Namespace) -> None:
        self._folder = folder
        self._video: Path = arguments.video
        self._models: Path = arguments.models
        self._runs: int = arguments.runs
        self._threads: int = arguments.threads
        self._registry = load_registry()
        self._deface: Path | None = None
        if not arguments.without_deface:
            self._deface = arguments.deface or installed_deface()

    def rates(self) -> None:
        """Ours and deface's in turn, so that all see the same machine."""
        load = ", ".join(f"{one:.1f}" for one in os.getloadavg())
        print(f"{self._video.name}, faces; {os.cpu_count()} processors, load {load}; whole processes, start included")
        costs: dict[str, list[tuple[float, float]]] = {}
        result: dict[str, Any] = {}
        for _ in range(self._runs):
            cost, result = self._ours(self._video, self._folder / "ours.mp4", FACES, "blur")
            costs.setdefault(OURS, []).append(_per_frame(cost, result["frames"]))
            for backend in BACKENDS if self._deface else ():
                target = self._folder / "deface.mp4"
                cost = self._theirs(target, "blur", backend)
                costs.setdefault(f"deface, {backend}", []).append(_per_frame(cost, _frames(target)))
        print(
            f"  models {result['models']}, detection in {result['detected_frames']} of {result['frames']},"
            f" steps {result['seconds']}"
        )
        for name, measured in costs.items():
            _print_rates(name, measured, costs[OURS])

    def coverage(self, video: Path, object_class: ObjectClass) -> None:
        """Prints how many objects a judge finds in every frame of the original, and how many of them are covered."""
        outputs = {"dropmesh": self._folder / "ours-solid.mp4"}
        _, result = self._ours(video, outputs["dropmesh"], [object_class], "solid")
        if self._deface and object_class is ObjectClass.FACE:
            outputs["deface"] = self._folder / "deface-solid.mp4"
            self._theirs(outputs["deface"], "solid", BACKENDS[0])
        registry, store = self._registry, ModelStore(self._models)
        for entry in registry.detectors_of(object_class):
            if store.find(entry) is None:
                continue
            judge = open_detector(registry, store, Runtime(), frozenset({object_class}), frozenset({entry.name}))
            use = "in use" if entry.name in result["models"] else "not in use"
            for name, output in outputs.items():
                seen = measure_coverage(video, output, judge, object_class)
                missed = ", ".join(
                    f"frame {frame} ({score:.2f}, {width:.0f} px)" for frame, score, width in seen.missed[:8]
                )
                print(
                    f"  {name} covers {seen.share:.4f} of {seen.found} {object_class} detections"
                    f" by {entry.name} ({use}) in single frames{'; not ' + missed if missed else ''}",
                    flush=True,
                )

    def other(self, video: Path, object_class: ObjectClass) -> None:
        """One run of ours on another kind of object."""
        cost, result = self._ours(video, self._folder / "other.mp4", [object_class], "blur")
        wall, processor = _per_frame(cost, result["frames"])
        print(
            f"{video.name}, {object_class}: {1 / wall:.1f} frames/s, {1000 * processor:.1f} ms of processor a frame,"
            f" detection in {result['detected_frames']} of {result['frames']}, {result['tracks']} tracks,"
            f" steps {result['seconds']}"
        )
        self.coverage(video, object_class)

    def defaults(self, videos: Sequence[Path]) -> None:
        """One run of ours on each video, and on one of them enlarged, with the default classes."""
        large = self._folder / "large.mp4"
        _enlarge(videos[-1], large)
        for video in (*videos, large):
            cost, result = self._ours(video, self._folder / "defaults.mp4", DEFAULTS, "blur")
            wall, processor = _per_frame(cost, result["frames"])
            print(
                f"{video.name}, {' and '.join(DEFAULTS)}: {1 / wall:.1f} frames/s, {1000 * processor:.1f} ms of"
                f" processor a frame, detection in {result['detected_frames']} of {result['frames']},"
                f" {result['tracks']} tracks, steps {result['seconds']}",
                flush=True,
            )

    def memory(self) -> None:
        """The peak for a short video and for a long one."""
        long = self._folder / "long.mp4"
        _repeat(self._video, long, MEMORY_REPEATS)
        _, short = self._ours(self._video, self._folder / "short-out.mp4", FACES, "blur")
        _, result = self._ours(long, self._folder / "long-out.mp4", FACES, "blur")
        print(
            f"peak memory: {short['peak_bytes'] / 2**20:.0f} MiB for {short['frames']} frames,"
            f" {result['peak_bytes'] / 2**20:.0f} MiB for {result['frames']}"
        )

    def _ours(
        self, source: Path, target: Path, object_classes: Sequence[ObjectClass], mode: str
    ) -> tuple[Cost, dict[str, Any]]:
        command = [sys.executable, "-m", "scripts.measuring.benchmarks.anonymize_one", str(source), str(target)]
        command += ["--objects", *object_classes, "--mode", mode, "--models", str(self._models)]
        cost = run_measured([*command, "--threads", str(self._threads)], self._folder / "ours.log")
        return cost, json.loads(cost.output)

    def _theirs(self, target: Path, mode: str, backend: str) -> Cost:
        command = [str(self._deface), str(self._video), "-o", str(target), "--replacewith", mode, "--backend", backend]
        return run_measured(command, self._folder / "deface.log")


def _per_frame(cost: Cost, frames: int) -> tuple[float, float]:
    return cost.wall_seconds / frames, cost.processor_seconds / frames


def _print_rates(name: str, costs: list[tuple[float, float]], ours: list[tuple[float, float]]) -> None:
    rates = [1 / wall for wall, _ in costs]
    processor = statistics.median(1000 * processor for _, processor in costs)
    line = (
        f"  {name:15}{statistics.median(rates):7.1f} frames/s ({_spread(rates)}), processor {processor:.1f} ms a frame"
    )
    if costs is not ours:
        for kind, index in (("wall", 0), ("processor", 1)):
            ratios = [other[index] / own[index] for own, other in zip(ours, costs, strict=True)]
            line += f"; ours is {statistics.median(ratios):.1f} times as fast by {kind} time"
    print(line)


def _spread(numbers: list[float]) -> str:
    return f"{min(numbers):.1f} to {max(numbers):.1f} in {len(numbers)} runs"


def _frames(path: Path) -> int:
    with av.open(str(path)) as container:
        return container.streams.video[0].frames


def _enlarge(source: Path, target: Path) -> None:
    """The pictures of a video in 1920x1080."""
    with av.open(str(target), "w") as out, av.open(str(source)) as container:
        rate = container.streams.video[0].average_rate
        stream = out.add_stream("libx264", rate=rate, width=LARGE[0], height=LARGE[1], options={"preset": "veryfast"})
        for frame in container.decode(video=0):
            out.mux(stream.encode(frame.reformat(*LARGE, format="yuv420p")))
        out.mux(stream.encode())


def _repeat(source: Path, target: Path, times: int) -> None:
    """The pictures of a video, several times one after the other, as they are."""
    with av.open(str(target), "w") as out, av.open(str(source)) as header:
        stream = out.add_stream_from_template(header.streams.video[0])
        step = 0
        for _ in range(times):
            with av.open(str(source)) as container:
                last = 0
                for packet in container.demux(video=0):
                    if packet.dts is None or packet.pts is None:
                        continue
                    last = max(last, packet.pts + (packet.duration or 1))
                    packet.pts, packet.dts, packet.stream = (packet.pts + step, packet.dts + step, stream)
                    out.mux(packet)
                step += last


if __name__ == "__main__":
    main()
