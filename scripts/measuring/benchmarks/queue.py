"""Measures what RabbitMQ costs a classification: the model alone, over the queue, and in a plain pika program.

The rates are by the clock, and on a machine that does other things they say little. The CPU time of a message, of both
programs without RabbitMQ's own, is what the way over the queue costs wherever it runs.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from statistics import median

import numpy as np
from PIL import Image

from scripts.measuring.families import cpu_of_family
from services.common.settings.reading import load_settings
from services.common.workers.confinement import ChildLimits
from services.common.workers.pool import ProcessPool
from services.processor.media.job_results import Limits
from services.processor.media.jobs import classify_image, open_tools
from tests.servers.process import leashed
from tests.servers.rabbitmq import rabbitmq
from tests.support.classify_dir import ROOT, Processor, install_colours, rows

LIMITS = Limits(100_000_000, 1000, 1000, 60.0)
CHILD_LIMITS = ChildLimits(2 << 30, result_bytes=1 << 20, content_bytes=64 << 20)
READY_SECONDS = 300.0
REST_SECONDS, REST_CPU_SECONDS = 2.0, 0.05


def main() -> int:
    """Prints messages a second, and what the queue adds."""
    parser = argparse.ArgumentParser(prog="scripts/bench queue", description=__doc__)
    parser.add_argument("--images", type=int, default=300, help="pictures of 640 x 480 in each round (300)")
    parser.add_argument("--rounds", type=int, default=3, help="interleaved; the medians count (3)")
    parser.add_argument(
        "--models", type=Path, help="folder with a real classifier (the mesh's models, else the bundled)"
    )
    arguments = parser.parse_args()
    real = arguments.models or load_settings().models_folder
    with tempfile.TemporaryDirectory() as name, rabbitmq() as url:
        folder = Path(name)
        _draw(folder / "images", arguments.images)
        install_colours(folder / "no-op")
        kinds = {"no-op model": folder / "no-op", "real model": real}
        print(f"{arguments.images} pictures of 640 x 480, one worker process, median of {arguments.rounds} rounds")
        for kind, models in kinds.items():
            print(kind)
            alone, *over = _measure(folder, url, models, arguments.rounds)
            for way, cost in (("alone", alone), ("over the queue", over[0]), ("plain pika", over[1])):
                each = 1000 / arguments.images
                print(
                    f"  {way:16}{1000 / (each * cost.seconds):>8.0f}/s{each * cost.cpu:>8.2f} ms CPU"
                    f"  by the clock {100 * (cost.seconds / alone.seconds - 1):>+5.0f} %"
                    f"  CPU {each * (cost.cpu - alone.cpu):>+6.2f} ms, {100 * (cost.cpu / alone.cpu - 1):>+4.0f} %",
                    flush=True,
                )
    return 0


@dataclass(frozen=True, slots=True)
class Cost:
    """Of all images of a round."""

    seconds: float
    cpu: float


def _measure(folder: Path, url: str, models: Path, rounds: int) -> list[Cost]:
    """The model alone, over the queue, over a plain program's queue."""
    costs: list[list[Cost]] = [[], [], []]
    contents = [path.read_bytes() for path in sorted((folder / "images").glob("*.jpg"))]
    for _ in range(rounds):
        costs[0].append(asyncio.run(_alone(contents, models)))
        with tempfile.TemporaryDirectory(dir=folder) as name:
            costs[1].append(_queued(Path(name), folder / "images", url, models))
        costs[2].append(_plain(folder, url, models))
    return [Cost(median(one.seconds for one in kind), median(one.cpu for one in kind)) for kind in costs]


async def _alone(contents: list[bytes], models: Path) -> Cost:
    pool = ProcessPool(open_tools, models, "cpu", 1, 5.0, children=1, threads=1, limits=CHILD_LIMITS)
    async with pool:

        async def classify(content: bytes) -> None:
            await pool.run(classify_image, content, 5, LIMITS, time_limit=timedelta(seconds=60))

        await classify(contents[0])
        began, worked = time.perf_counter(), cpu_of_family(os.getpid())
        await asyncio.gather(*map(classify, contents))
        return Cost(time.perf_counter() - began, cpu_of_family(os.getpid()) - worked)


def _queued(folder: Path, images: Path, url: str, models: Path) -> Cost:
    processor = Processor(folder / "processor", models, {"DROPMESH_CLASSIFY_AMQP": url})
    try:
        _await(processor.is_ready)
        _await_rest(processor.pid)
        command = [sys.executable, "-m", "dropmesh.cli", "classify-dir", "--amqp", url]
        (folder / "empty").mkdir()
        start = _run([*command, "empty", "--results", "empty.db"], folder)
        worked = cpu_of_family(processor.pid)
        cpu = _run([*command, str(images)], folder) - start + cpu_of_family(processor.pid) - worked
    finally:
        processor.kill()
    # From the first image to the last label: that both programs first have to start is not the queue's doing.
    [(seconds,)] = rows(
        folder / "results.db",
        "SELECT 86400 * (julianday(max(ended_at)) - julianday(min(found_at))) FROM images",
    )
    return Cost(float(seconds), cpu)


def _plain(folder: Path, url: str, models: Path) -> Cost:
    (folder / "plain.db").unlink(missing_ok=True)
    with _plain_classifier(url, models) as pid:
        command = [sys.executable, "-m", "scripts.measuring.benchmarks.queue_plain", "platform", url]
        start = _run([*command, str(folder / "no-op")], ROOT)
        began, worked = time.perf_counter(), cpu_of_family(pid)
        cpu = _run([*command, str(folder / "images")], ROOT) - start + cpu_of_family(pid) - worked
        return Cost(time.perf_counter() - began, cpu)


@contextmanager
def _plain_classifier(url: str, models: Path) -> Iterator[int]:
    command = [sys.executable, "-m", "scripts.measuring.benchmarks.queue_plain", "classifier", url, str(models)]
    process = subprocess.Popen(leashed(command), stdout=subprocess.PIPE, env={**os.environ, "OMP_NUM_THREADS": "1"})
    try:
        assert process.stdout is not None  # noqa: S101 - it was asked for
        process.stdout.readline()
        yield process.pid
    finally:
        process.kill()
        process.wait()


def _run(command: list[str], folder: Path) -> float:
    """Runs a program to its end; returns the CPU seconds that it took."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _await(is_ready: Callable[[], bool]) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while not is_ready():
        if time.monotonic() > deadline:
            raise TimeoutError("the processor is not ready")
        time.sleep(0.1)


def _await_rest(pid: int) -> None:
    """Waits until a service has started all of its processes: the one that forecasts takes seconds of CPU."""
    deadline, before = time.monotonic() + READY_SECONDS, 0.0
    while (now := cpu_of_family(pid)) - before > REST_CPU_SECONDS and time.monotonic() < deadline:
        before = now
        time.sleep(REST_SECONDS)


def _draw(folder: Path, count: int) -> None:
    """Pictures that a camera could have made, as far as a codec is concerned: shades with some noise."""
    folder.mkdir()
    random = np.random.default_rng(7)
    for number in range(count):
        shades = np.linspace(0, 255, 640)[None, :, None] * random.random(3) + random.normal(0, 6, (480, 640, 3))
        Image.fromarray(shades.clip(0, 255).astype(np.uint8)).save(folder / f"{number:05}.jpg", quality=85)


if __name__ == "__main__":
    sys.exit(main())
