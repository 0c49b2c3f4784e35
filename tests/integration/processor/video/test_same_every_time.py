"""The result follows from the video, the options and the models: not from the machine's load, nor from its threads."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from services.common.media.vocabulary import ObjectClass
from services.processor.detect.detector import open_detector
from services.processor.models.registry import load_registry
from services.processor.models.runtime import Provider, Runtime
from services.processor.models.store import ModelStore
from services.processor.video.anonymize_video import anonymize_video
from services.processor.video.limits import VideoLimits
from services.processor.vision.detections import Detection, Picture, TileShare
from tests.support.scenes import SOLID_FACES, BlueDetector, Scene, Storage, pattern, write_video

FRAMES = 16
BUSY_PROCESSES = 3
# Ends by itself, should the test be killed.
BUSY = """
import time
end = time.monotonic() + 60
while time.monotonic() < end:
    pass
"""


class SlowDetector(BlueDetector):
    """So costly that not every frame is looked at, and with some work to do in each."""

    def detect(
        self,
        picture: Picture,
        classes: frozenset[ObjectClass],
        thresholds: Mapping[ObjectClass, float] | None = None,
    ) -> list[Detection]:
        sum(range(100_000))
        return super().detect(picture, classes, thresholds)

    def frame_cost(
        self, width: int, height: int, classes: frozenset[ObjectClass], tile_share: TileShare | None
    ) -> float:
        return 9.0


@pytest.mark.parametrize("pixels", ["yuv420p", "yuv420p10le"])
def test_a_busy_machine_makes_the_same_bytes_with_any_number_of_threads(tmp_path: Path, pixels: str) -> None:
    scene = Scene(size=(480, 272), frames=FRAMES, place=lambda number: (40.0 + 6 * number, 100.0))
    source = write_video(tmp_path / "in.mov", scene, Storage(pixels=pixels, sound="pcm_s16le"))

    idle = sha256(source, threads=2)
    with busy_machine():
        busy = [sha256(source, threads=threads) for threads in (1, 4)]

    assert busy == [idle] * 2


def test_what_is_in_memory_beforehand_does_not_matter(tmp_path: Path) -> None:
    scene = Scene(size=(480, 272), frames=FRAMES, place=lambda number: (40.0 + 6 * number, 100.0))
    source = write_video(tmp_path / "in.mov", scene)
    in_child = f"from {__name__} import sha256; from pathlib import Path; print(sha256(Path({str(source)!r}), 2))"

    made = {
        subprocess.run(
            [sys.executable, "-c", in_child],
            env={**os.environ, "MALLOC_PERTURB_": filler},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for filler in ("0", "1", "254")
    }

    assert len(made) == 1


def test_a_model_finds_the_same_with_any_number_of_threads() -> None:
    picture = pattern(640, 360)
    thresholds = dict.fromkeys(ObjectClass, 0.1)
    registry = load_registry(Path(__file__).parent)
    bundled = frozenset(entry.name for entry in registry if entry.bundled)

    found = [
        open_detector(registry, ModelStore(Path(__file__).parent), Runtime(Provider.CPU, threads), only=bundled).detect(
            picture, frozenset(ObjectClass), thresholds
        )
        for threads in (1, 2, 4)
    ]

    assert found[0]
    assert found == [found[0]] * 3


def sha256(source: Path, threads: int) -> tuple[str, int]:
    target = source.with_name("out.mp4")
    result = anonymize_video(
        source,
        target,
        SOLID_FACES,
        SlowDetector(),
        limits=VideoLimits(),
        progress=lambda done, total: None,
        cancelled=lambda: False,
        threads=threads,
    )
    assert 0 < result.detected_frames < FRAMES
    assert result.tracks
    return hashlib.sha256(target.read_bytes()).hexdigest(), result.detected_frames


@contextmanager
def busy_machine() -> Iterator[None]:
    busy = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(BUSY_PROCESSES)]
    try:
        yield
    finally:
        for process in busy:
            process.kill()
            process.wait()
