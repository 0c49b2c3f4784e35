"""What an upload is and says of itself, and whether it is taken."""

from __future__ import annotations

import asyncio
import dataclasses
import io
import os
from concurrent.futures import ThreadPoolExecutor
from typing import BinaryIO, cast

from services.common.objects import Objects
from services.common.settings import Settings
from services.common.stores.media_models import MediaKind, Metadata
from services.ingest.media_errors import MediaTooLong
from services.ingest.metadata.limits import MediaLimits
from services.ingest.metadata.media_metadata import MetadataReading
from services.ingest.metadata.reader import MetadataReader
from services.ingest.sniff import MediaType
from services.ingest.stored_file import StoredFile

READERS_MOST = 4


class MediaInspection:
    """Reads headers, in processes of their own, and holds them to the operator's limits."""

    def __init__(self, settings: Settings, objects: Objects) -> None:
        readers = min(READERS_MOST, os.cpu_count() or 1)
        self._settings = settings
        self._objects = objects
        self._reader = MetadataReader(media_limits(settings), readers)
        # Threads of its own: a slow header must not hold up those that write.
        self._threads = ThreadPoolExecutor(readers, thread_name_prefix="metadata")

    async def read_bytes(self, whole: bytes, media_type: MediaType) -> MetadataReading:
        """The metadata of a small media that is in memory; refuses what passes a limit."""
        return await self._read(io.BytesIO(whole), len(whole), media_type)

    async def read_stored(self, key: str, size_bytes: int, media_type: MediaType) -> MetadataReading:
        """The metadata of a stored object; refuses what passes a limit."""
        file = cast(BinaryIO, StoredFile(self._objects, key, size_bytes, asyncio.get_running_loop()))
        return await self._read(file, size_bytes, media_type)

    def retire_idle(self, seconds: float) -> None:
        """Ends reader processes that had nothing to do for so long."""
        self._reader.retire_idle(seconds)

    async def close(self) -> None:
        """Ends every reader process."""
        await asyncio.to_thread(self._threads.shutdown)
        self._reader.close()

    async def _read(self, file: BinaryIO, size_bytes: int, media_type: MediaType) -> MetadataReading:
        loop = asyncio.get_running_loop()
        reading = await loop.run_in_executor(self._threads, self._reader.read, file, size_bytes, media_type)
        check_length(self._settings, media_type.kind, to_metadata(reading))
        return reading


def media_limits(settings: Settings) -> MediaLimits:
    """The operator's limits on bytes and pixels."""
    return MediaLimits(settings.max_image_bytes, settings.max_video_bytes, round(settings.max_megapixels * 1_000_000))


def check_length(settings: Settings, kind: MediaKind, metadata: Metadata) -> None:
    """Refuses videos and animations that last too long."""
    frames = metadata.frames or 0
    if kind is MediaKind.IMAGE and frames > settings.max_animation_frames:
        raise MediaTooLong(f"{settings.max_animation_frames} frames", f"{frames} frames", "max_animation_frames")
    seconds = metadata.duration_seconds or 0.0
    if seconds > settings.max_video_seconds:
        raise MediaTooLong(f"{settings.max_video_seconds:g} seconds", f"{seconds:.1f} seconds", "max_video_seconds")
    frames = round(seconds * (metadata.frame_rate or 0.0))
    if kind is MediaKind.VIDEO and frames > settings.max_frames:
        raise MediaTooLong(f"{settings.max_frames} frames", f"about {frames} frames", "max_frames")


def to_metadata(reading: MetadataReading) -> Metadata:
    """What is stored of a reading; its format stands in the content."""
    fields = {field.name: getattr(reading.metadata, field.name) for field in dataclasses.fields(Metadata)}
    return Metadata(**fields)
