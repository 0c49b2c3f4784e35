"""A zip archive that is written while it is sent: stored without compression, with no more than a chunk in memory."""

from __future__ import annotations

import io
import zipfile
from collections.abc import AsyncIterator
from datetime import UTC, datetime

from services.common.base.instants import SECOND_NS

# The zip format has no earlier and no later year.
_FIRST, _LAST = datetime(1980, 1, 1, tzinfo=UTC), datetime(2107, 12, 31, 23, 59, 58, tzinfo=UTC)


class ZipStream:
    """Gives the bytes of an archive as they come to be."""

    def __init__(self) -> None:
        self._written = _Drained()
        self._archive = zipfile.ZipFile(self._written, "w", zipfile.ZIP_STORED, allowZip64=True)
        self._names: set[str] = set()

    async def file(
        self, name: str, time_ns: int, size_bytes: int, chunks: AsyncIterator[bytes]
    ) -> AsyncIterator[bytes]:
        """Adds a file; where its chunks end by an error, the file ends there, and the archive stays whole."""
        info = zipfile.ZipInfo(name, _zip_time(time_ns))
        info.external_attr = 0o644 << 16
        info.file_size = size_bytes
        with self._archive.open(info, "w", force_zip64=size_bytes > zipfile.ZIP64_LIMIT // 2) as target:
            async for chunk in chunks:
                target.write(chunk)
                yield self._written.drain()
        yield self._written.drain()

    def unique_name(self, name: str) -> str:
        """The name of a file, with a number where another one has it already."""
        stem, dot, extension = name.rpartition(".")
        stem, extension = (stem, dot + extension) if dot else (name, "")
        found, number = name, 1
        while found.casefold() in self._names:
            number += 1
            found = f"{stem} ({number}){extension}"
        self._names.add(found.casefold())
        return found

    def close(self) -> bytes:
        """Ends the archive."""
        self._archive.close()
        return self._written.drain()


class _Drained(io.RawIOBase):
    """Takes what is written, until it is drained; it cannot seek, so that each file's size and checksum follow it."""

    def __init__(self) -> None:
        super().__init__()
        self._pieces: list[bytes] = []

    def writable(self) -> bool:
        """Always."""
        return True

    def write(self, data: bytes, /) -> int:  # type: ignore[override]
        """Keeps some bytes."""
        self._pieces.append(bytes(data))
        return len(data)

    def drain(self) -> bytes:
        """The bytes that were written since the last time."""
        pieces, self._pieces = self._pieces, []
        return b"".join(pieces)


def _zip_time(time_ns: int) -> tuple[int, int, int, int, int, int]:
    time = min(max(datetime.fromtimestamp(time_ns // SECOND_NS, UTC), _FIRST), _LAST)
    return time.year, time.month, time.day, time.hour, time.minute, time.second
