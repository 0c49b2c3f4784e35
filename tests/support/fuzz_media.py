"""Mutated media through the sniffer and the metadata reader: `python -m tests.support.fuzz_media --count 100000`.

Only a typed refusal may come out, and each media may take only so long. With `--in-process` the libraries run here
instead of in workers, so that a crash can be seen and repeated: each media depends on the seed and its number alone.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from services.common.media.refusals import DamagedMedia, MediaRefused
from services.common.media.types import SNIFF_BYTES, MediaType, sniff
from services.common.media.vocabulary import MediaKind
from services.common.workers.process import Source
from services.ingest.metadata.image import read_image
from services.ingest.metadata.limits import MediaLimits
from services.ingest.metadata.media_metadata import MetadataReading
from services.ingest.metadata.reader import WORKER_LOST, MetadataReader, open_readers
from services.ingest.metadata.video import read_video
from tests.support.media_samples import IMAGE_FORMATS, VIDEO_FORMATS, exif_block, image_bytes, video_bytes

_EDGES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


@dataclass(slots=True)
class FuzzReport:
    """What became of the mutated media."""

    outcomes: Counter[str] = field(default_factory=Counter)
    escaped: list[str] = field(default_factory=list)
    lost_workers: list[str] = field(default_factory=list)
    slowest_seconds: float = 0.0
    slowest: str = ""


class InProcessReader:
    """Reads metadata here, without a worker's protection."""

    def __init__(self, limits: MediaLimits) -> None:
        self._limits = limits

    async def read(self, source: Source, size_bytes: int, media_type: MediaType) -> MetadataReading:
        """Read the media in `source`."""
        read = read_image if media_type.kind is MediaKind.IMAGE else read_video
        return read(io.BytesIO(await source(0, size_bytes)), media_type, self._limits)


def in_memory(data: bytes) -> Source:
    """A media that is all here."""

    async def read(offset: int, count: int) -> bytes:
        return data[offset : offset + count]

    return read


def seeds(formats: tuple[str, ...]) -> list[tuple[str, bytes]]:
    """A sound media of each format."""
    return [
        (name, image_bytes(name, exif=exif_block()) if name in IMAGE_FORMATS else video_bytes(name)) for name in formats
    ]


def mutate(data: bytes, rng: random.Random) -> bytes:
    """A damaged copy: mostly in the header, where the parsers look."""
    damaged = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 4, 16))):
        reach = min(len(damaged), rng.choice((64, 512, 4096, len(damaged))))
        if reach < 16:
            break
        place = rng.randrange(reach)
        match rng.randrange(7):
            case 0:
                damaged[place] ^= 1 << rng.randrange(8)
            case 1:
                damaged[place] = rng.randrange(256)
            case 2 | 3:
                width = rng.choice((1, 2, 4))
                edge = (rng.choice(_EDGES) & ((1 << 8 * width) - 1)).to_bytes(width, rng.choice(("big", "little")))
                damaged[place : place + width] = edge
            case 4:
                del damaged[place : place + rng.randrange(1, 64)]
            case 5:
                source = rng.randrange(reach)
                damaged[place:place] = damaged[source : source + rng.randrange(1, 256)]
            case _:
                if rng.random() < 0.2:
                    del damaged[place:]
    return bytes(damaged)


def mutants(samples: list[tuple[str, bytes]], count: int, seed: int, first: int = 0) -> Iterator[tuple[str, bytes]]:
    """`count` mutated media with their names, the same ones for the same seed."""
    for number in range(first, first + count):
        rng = random.Random(f"{seed}/{number}")
        name, data = samples[rng.randrange(len(samples))]
        yield f"{seed}/{number} ({name})", mutate(data, rng)


async def fuzz(
    reader: MetadataReader | InProcessReader, media: Iterator[tuple[str, bytes]], verbose: bool = False
) -> FuzzReport:
    """Read every media, and tell what came out."""
    report = FuzzReport()
    for name, data in media:
        if verbose:
            print(name, flush=True)
        start = time.process_time() if isinstance(reader, InProcessReader) else time.perf_counter()
        try:
            media_type = sniff(data[:SNIFF_BYTES])
            reading = await reader.read(in_memory(data), len(data), media_type)
            report.outcomes["read with warnings" if reading.warnings else "read"] += 1
        except MediaRefused as refusal:
            report.outcomes[type(refusal).__name__] += 1
            if isinstance(refusal, DamagedMedia) and refusal.problem == WORKER_LOST:
                report.lost_workers.append(name)
        except Exception as error:  # noqa: BLE001 - what must not happen
            report.escaped.append(f"{name}: {error!r}")
        seconds = (time.process_time() if isinstance(reader, InProcessReader) else time.perf_counter()) - start
        if seconds > report.slowest_seconds:
            report.slowest_seconds, report.slowest = seconds, name
    return report


async def _main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, help="the number of the first media, to repeat one")
    parser.add_argument(
        "--formats", default=",".join(IMAGE_FORMATS), help=f"of {','.join(IMAGE_FORMATS + VIDEO_FORMATS)}"
    )
    parser.add_argument("--seed-files", type=Path, nargs="*", default=[], help="more media to mutate")
    parser.add_argument("--in-process", action="store_true")
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args()
    samples = seeds(tuple(options.formats.split(","))) if options.formats else []
    samples += [(path.name, path.read_bytes()) for path in options.seed_files]
    media = mutants(samples, options.count, options.seed, options.first)
    async with open_readers(1) as pool:
        reader = InProcessReader(MediaLimits()) if options.in_process else MetadataReader(MediaLimits(), pool)
        report = await fuzz(reader, media, options.verbose)
    print(dict(report.outcomes))
    print(f"slowest: {report.slowest_seconds:.3f} s, {report.slowest}")
    print(f"workers lost: {len(report.lost_workers)} {report.lost_workers[:20]}")
    print(f"escaped: {len(report.escaped)}", *report.escaped[:20], sep="\n")
    return 1 if report.escaped else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(_main()))
