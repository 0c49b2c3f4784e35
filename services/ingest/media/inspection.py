"""Detects the type of an upload, reads its metadata and checks it against the limits."""

from __future__ import annotations

from services.common.media.model import Metadata
from services.common.media.refusals import MediaTooLong
from services.common.media.types import MediaType
from services.common.media.vocabulary import MediaKind
from services.common.objects import Objects
from services.common.settings import Settings
from services.common.workers.pool import ProcessPool
from services.common.workers.process import Source
from services.ingest.metadata.limits import MediaLimits
from services.ingest.metadata.media_metadata import MetadataReading
from services.ingest.metadata.reader import MetadataReader
from services.ingest.metadata.stored_ranges import StoredRanges


class MediaInspection:
    """Reads headers, in processes of their own, and holds them to the operator's limits."""

    def __init__(self, settings: Settings, objects: Objects, pool: ProcessPool[None]) -> None:
        self._settings = settings
        self._objects = objects
        self._reader = MetadataReader(media_limits(settings), pool)

    async def read_bytes(self, whole: bytes, media_type: MediaType) -> MetadataReading:
        """The metadata of a small media that is in memory; refuses what passes a limit."""

        async def held(offset: int, count: int) -> bytes:
            return whole[offset : offset + count]

        return await self._read(held, len(whole), media_type)

    async def read_stored(self, key: str, size_bytes: int, media_type: MediaType) -> MetadataReading:
        """The metadata of a stored object; refuses what passes a limit."""
        return await self._read(StoredRanges(self._objects, key).read, size_bytes, media_type)

    async def _read(self, source: Source, size_bytes: int, media_type: MediaType) -> MetadataReading:
        reading = await self._reader.read(source, size_bytes, media_type)
        check_length(self._settings, media_type.kind, reading.metadata)
        return reading


def media_limits(settings: Settings) -> MediaLimits:
    """The operator's limits on bytes, pixels and frames."""
    pixels = round(settings.max_megapixels * 1_000_000)
    return MediaLimits(settings.max_image_bytes, settings.max_video_bytes, pixels, settings.max_animation_frames)


def check_length(settings: Settings, kind: MediaKind, metadata: Metadata) -> None:
    """Refuses videos and animations that last too long."""
    frames = metadata.frames or 0
    if kind is MediaKind.IMAGE and frames > settings.max_animation_frames:
        limit = f"{settings.max_animation_frames} frames"
        raise MediaTooLong(limit, f"more than {limit}", "max_animation_frames")
    seconds = metadata.duration_seconds or 0.0
    if seconds > settings.max_video_seconds:
        raise MediaTooLong(f"{settings.max_video_seconds:g} seconds", f"{seconds:.1f} seconds", "max_video_seconds")
    frames = round(seconds * (metadata.frame_rate or 0.0))
    if kind is MediaKind.VIDEO and frames > settings.max_frames:
        raise MediaTooLong(f"{settings.max_frames} frames", f"about {frames} frames", "max_frames")
