"""Metadata read in processes of their own, so that a hostile media costs a process and never the service."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from services.common.media.messages import metadata_message
from services.common.media.refusals import DamagedMedia, TooManyPixels
from services.common.media.types import MediaType
from services.common.workers.confinement import ChildLimits
from services.common.workers.errors import CHILD_LOST, JobFailed
from services.common.workers.pool import ProcessPool
from services.common.workers.process import Source
from services.ingest.metadata.jobs import load_parsers, read_metadata
from services.ingest.metadata.limits import MediaLimits, check_size
from services.ingest.metadata.media_metadata import MetadataReading

WORKER_LOST: Final = "reading it takes too much time or memory"
"""The problem of a DamagedMedia whose process did not survive it."""

# A child's CPU time is bounded by itself; this is for one that does nothing at all.
SILENT: Final = timedelta(seconds=60)
_IDLE: Final = timedelta(seconds=120)
_REST: Final = timedelta(minutes=10)
# Of 55 photos of many cameras, 50 say all that they say of themselves within it.
_HEAD_BYTES: Final = 16 * 1024
_LIMITS: Final = ChildLimits(memory_bytes=1536 * 2**20, result_bytes=2**20, cpu_seconds=5.0, jobs=2000)


def open_readers(children: int) -> ProcessPool[None]:
    """The pool of processes that read metadata: one is there from the start, more when they are needed."""
    return ProcessPool(load_parsers, children=children, threads=1, limits=_LIMITS, warm=1, idle=_IDLE, rest=_REST)


class MetadataReader:
    """Reads metadata in a pool's processes.

    Many may `read` at once; they wait for each other where there are more of them than processes. A media that crashes
    its process, takes it over, or passes its bound of memory or time, is refused as damaged.
    """

    def __init__(self, limits: MediaLimits, pool: ProcessPool[None], silent: timedelta = SILENT) -> None:
        self._limits = limits
        self._pool = pool
        self._silent = silent

    async def read(self, source: Source, size_bytes: int, media_type: MediaType) -> MetadataReading:
        """Read the media in `source`, of which ranges are read as they are needed.

        Raises MediaTooLarge, TooManyPixels and DamagedMedia; what `source` itself raises passes through.
        """
        check_size(media_type.kind, size_bytes, self._limits)
        head = await source(0, min(_HEAD_BYTES, size_bytes))
        try:
            answer = await self._pool.run(
                read_metadata,
                media_type.format,
                size_bytes,
                self._limits,
                head,
                time_limit=self._silent,
                source=source,
            )
        except (*CHILD_LOST, JobFailed) as error:
            raise DamagedMedia(media_type.format, WORKER_LOST) from error
        if answer.reading is not None:
            _check_fields(answer.reading, media_type)
            return answer.reading
        if answer.too_many_pixels is not None:
            raise TooManyPixels(self._limits.max_pixels, answer.too_many_pixels or None)
        raise DamagedMedia(media_type.format, answer.damage or WORKER_LOST)


def _check_fields(reading: MetadataReading, media_type: MediaType) -> None:
    """Refuses numbers that the contract's fields cannot hold: once stored, they would fail each later read."""
    try:
        metadata_message(reading.metadata)
    except (ValueError, OverflowError) as error:
        raise DamagedMedia(media_type.format, WORKER_LOST) from error
