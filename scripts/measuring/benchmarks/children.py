"""Measures what a job in a child process costs its parent, beside the standard library's pool with pickled jobs."""

from __future__ import annotations

import argparse
import asyncio
import io
import os
import pickle
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from datetime import timedelta
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import bson
import uvloop

from services.common.media.model import Metadata
from services.common.media.types import JPEG
from services.common.workers.confinement import ChildLimits
from services.common.workers.jobs import job_of
from services.common.workers.plain import encode
from services.common.workers.pool import ProcessPool
from services.ingest.metadata.image import read_image
from services.ingest.metadata.jobs import Answer, load_parsers, read_metadata
from services.ingest.metadata.limits import MediaLimits
from services.ingest.metadata.media_metadata import MetadataReading
from services.ingest.metadata.reader import MetadataReader
from tests.support.media_samples import exif_block, image_bytes

HEAD_BYTES = 64 * 1024
LIMIT = timedelta(seconds=60)
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
ANSWER = Answer(MetadataReading(Metadata(4032, 3024, 6, "sRGB", "Acme", "Roadrunner 5", latitude_degrees=-33.8688)))


def main() -> int:
    """Prints, round by round, the CPU time of the parent and of the child for each metadata read, and of a decode."""
    parser = argparse.ArgumentParser(prog="scripts/bench children", description=__doc__)
    parser.add_argument("--reads", type=int, default=1000, help="metadata reads of each kind in a round")
    parser.add_argument("--rounds", type=int, default=5, help="rounds, in which the kinds take turns")
    arguments = parser.parse_args()
    uvloop.run(_compare(arguments.reads, arguments.rounds))
    _decodes()
    return 0


async def _compare(reads: int, rounds: int) -> None:
    data = image_bytes("jpeg", exif=exif_block()) + os.urandom(300_000)
    limits = MediaLimits()

    async def source(offset: int, count: int) -> bytes:
        return data[offset : offset + count]

    kit = ProcessPool(load_parsers, children=1, threads=1, limits=ChildLimits(1536 * 2**20, result_bytes=2**20))
    async with kit:
        reader = MetadataReader(limits, kit)
        with ProcessPoolExecutor(1, get_context("spawn")) as executor:
            loop = asyncio.get_running_loop()
            ways: dict[str, Callable[[], Awaitable[Any]]] = {
                "this kit": lambda: reader.read(source, len(data), JPEG),
                "concurrent.futures, pickle": lambda: loop.run_in_executor(
                    executor, pickled_metadata, data[:HEAD_BYTES], limits
                ),
            }
            await asyncio.gather(*(way() for way in ways.values()))
            costs: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
            for _ in range(rounds):
                for name, way in ways.items():
                    costs[name].append(await _cost(way, reads))
    for name, taken in costs.items():
        parent, child = (statistics.median(part) for part in zip(*taken, strict=True))
        print(f"{name:28} {parent:6.0f} us of the parent, {child:6.0f} us of the child for each photo's metadata")


def pickled_metadata(head: bytes, limits: MediaLimits) -> MetadataReading:
    """The same work as a job of the standard library's pool."""
    return read_image(io.BytesIO(head), JPEG, limits)


async def _cost(way: Callable[[], Awaitable[Any]], reads: int) -> tuple[float, float]:
    before = time.process_time(), _children_seconds()
    for _ in range(reads):
        await way()
    after = time.process_time(), _children_seconds()
    parent, child = ((end - start) / reads * 1e6 for start, end in zip(before, after, strict=True))
    return parent, child


def _children_seconds() -> float:
    ticks = 0
    for task in Path("/proc/self/task").glob("*/children"):
        for child in task.read_text().split():
            fields = Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
    return ticks / TICKS_PER_SECOND


def _decodes() -> None:
    """The decoding of one answer: what the parent pays for the checks."""
    job, text = job_of(read_metadata), encode(ANSWER)[0]
    pickled, document = pickle.dumps(ANSWER), bson.encode(asdict(ANSWER))
    ways: dict[str, Callable[[], Any]] = {
        "JSON, each field checked": lambda: job.decode_result(text, b""),
        "BSON, not checked": lambda: bson.decode(document),
        "pickle, runs what it names": lambda: pickle.loads(pickled),  # noqa: S301 - these bytes were made here
    }
    for name, way in ways.items():
        start = time.process_time()
        for _ in range(20_000):
            way()
        print(f"{name:28} {(time.process_time() - start) / 20_000 * 1e6:6.1f} us to decode an answer")


if __name__ == "__main__":
    sys.exit(main())
