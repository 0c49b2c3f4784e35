"""A stored object as a file that a blocking library can read and seek in, from a thread."""

from __future__ import annotations

import asyncio
import io

from services.common.objects import Objects

BLOCK_BYTES = 256 * 1024
BLOCKS_KEPT = 8
READ_SECONDS = 60.0


class StoredFile(io.RawIOBase):
    """Reads the object in blocks, each by one ranged read on the event loop, and keeps the last few."""

    def __init__(self, objects: Objects, key: str, size_bytes: int, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._objects = objects
        self._key = key
        self._size_bytes = size_bytes
        self._loop = loop
        self._position = 0
        self._blocks: dict[int, bytes] = {}

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Always."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Moves without reading."""
        self._position = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size_bytes}[whence]
        return self._position

    def tell(self) -> int:
        """The position."""
        return self._position

    def read(self, size: int | None = -1, /) -> bytes:
        """The next bytes, fewer only at the end."""
        end = self._size_bytes if size is None or size < 0 else min(self._position + size, self._size_bytes)
        found = bytearray()
        while self._position < end:
            number, start = divmod(self._position, BLOCK_BYTES)
            piece = self._block(number)[start : start + end - self._position]
            if not piece:
                break
            found += piece
            self._position += len(piece)
        return bytes(found)

    def _block(self, number: int) -> bytes:
        block = self._blocks.pop(number, None)
        if block is None:
            reading = asyncio.run_coroutine_threadsafe(self._fetch(number * BLOCK_BYTES), self._loop)
            block = reading.result(READ_SECONDS)
        self._blocks[number] = block
        if len(self._blocks) > BLOCKS_KEPT:
            del self._blocks[next(iter(self._blocks))]
        return block

    async def _fetch(self, offset: int) -> bytes:
        return b"".join([chunk async for chunk in self._objects.read(self._key, offset, BLOCK_BYTES)])
