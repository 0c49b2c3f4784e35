"""The job of a metadata child: it reads the header of one media, whose bytes it asks its parent for.

The parsers are imported in the child alone.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import BinaryIO, Final, cast

from services.common.media.refusals import DamagedMedia, TooManyPixels
from services.common.media.types import MEDIA_TYPE_BY_FORMAT
from services.common.media.vocabulary import MediaKind
from services.common.workers.jobs import job
from services.common.workers.refusals import sound_text
from services.common.workers.worker import Worker
from services.ingest.metadata.limits import MediaLimits
from services.ingest.metadata.media_metadata import MetadataReading

_BUFFER_BYTES: Final = 256 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """The metadata, or the reason why the media is refused."""

    reading: MetadataReading | None = None
    damage: str | None = None
    too_many_pixels: int | None = None
    """0 where the header was refused before they were counted."""


@job
def load_parsers() -> None:
    """Import the parser of photos, so that none waits for it; that of videos takes memory, and is fast to import."""
    import services.ingest.metadata.image  # noqa: F401


@job
def read_metadata(worker: Worker[None], format: str, size_bytes: int, limits: MediaLimits, head: bytes) -> Answer:
    """Read a media, whose first bytes came with the call: of most media they are all that it takes."""
    media_type = MEDIA_TYPE_BY_FORMAT[format]
    file = cast(BinaryIO, io.BufferedReader(_RangeFile(worker, size_bytes, head), _BUFFER_BYTES))
    if media_type.kind is MediaKind.IMAGE:
        from services.ingest.metadata.image import read_image as read
    else:
        from services.ingest.metadata.video import read_video as read
    try:
        return Answer(reading=read(file, media_type, limits))
    except DamagedMedia as refusal:
        return Answer(damage=sound_text(refusal.problem))
    except TooManyPixels as refusal:
        return Answer(too_many_pixels=min(refusal.pixels or 0, 2**62))


class _RangeFile(io.RawIOBase):
    """The media, whose bytes the parent holds; its head came with the call."""

    def __init__(self, worker: Worker[None], size_bytes: int, head: bytes) -> None:
        super().__init__()
        self._worker = worker
        self._head = memoryview(head)
        self._size_bytes = size_bytes
        self._position = 0

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Always."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Move without asking for anything."""
        position = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size_bytes}[whence]
        if position < 0:
            raise ValueError("a position before the start")
        self._position = position
        return position

    def tell(self) -> int:
        """The position."""
        return self._position

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]
        """Ask the parent for the bytes at the position, beyond the head."""
        data: bytes | memoryview = self._head[self._position : self._position + len(buffer)]
        count = min(len(buffer), self._size_bytes - self._position)
        if not data and count > 0:
            data = self._worker.read(self._position, count)
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)
