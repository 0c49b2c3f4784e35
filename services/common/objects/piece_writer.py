"""An object written in pieces of a good size, each while the next one arrives."""

from __future__ import annotations

import asyncio

from services.common.objects import ObjectInfo, Objects, ObjectWriter, hashing
from services.common.objects.hashing import Digest

PIECE_BYTES = 2 * 1024 * 1024


class PieceWriter:
    """Gathers small chunks into pieces; ends with `commit` or `abort`, and `abort` after either is harmless.

    `digest` takes each piece while that is written. Nothing is begun before there is a piece.
    """

    def __init__(self, objects: Objects, key: str, digest: Digest | None = None) -> None:
        self.key = key
        self.size_bytes = 0
        self._objects = objects
        self._digest = digest
        # A chunk that is alone stays as it came.
        self._gathered: bytes | bytearray = b""
        self._under_way: asyncio.Task[None] | None = None
        self._writer: ObjectWriter | None = None

    @property
    def whole(self) -> bytes | None:
        """All bytes, where they are so few that none was written yet."""
        if self.size_bytes != len(self._gathered):
            return None
        self._gathered = bytes(self._gathered)
        return self._gathered

    async def write(self, chunk: bytes) -> None:
        """Takes the next bytes."""
        self.size_bytes += len(chunk)
        if not self._gathered:
            self._gathered = chunk
        elif isinstance(self._gathered, bytearray):
            self._gathered += chunk
        else:
            self._gathered = bytearray().join((self._gathered, chunk))
        if len(self._gathered) >= PIECE_BYTES:
            await self._flush()

    async def end(self) -> None:
        """There are no more bytes: `digest` has taken all of them when it returns; the object is not visible yet."""
        await self._written()
        if self._digest is not None:
            await hashing.update(self._digest, self._gathered)
            self._digest = None

    async def commit(self) -> ObjectInfo:
        """Makes the object visible and durable."""
        whole = self.whole if self._digest is None else None
        if whole is not None:
            return await self._objects.put(self.key, whole)
        await self._flush()
        await self._written()
        return await (await self._opened()).commit()

    async def abort(self) -> None:
        """Forgets the bytes."""
        if self._under_way is not None:
            await asyncio.gather(self._under_way, return_exceptions=True)
        if self._writer is not None:
            await self._writer.abort()

    async def _flush(self) -> None:
        await self._written()
        if self._gathered:
            piece, self._gathered = self._gathered, b""
            self._under_way = asyncio.create_task(self._write(piece))

    async def _written(self) -> None:
        if self._under_way is not None:
            # Shielded: a thread that writes must never outlive the file it writes to.
            await asyncio.shield(self._under_way)
            self._under_way = None

    async def _write(self, piece: bytes | bytearray) -> None:
        writer = await self._opened()
        if self._digest is None:
            await writer.write(memoryview(piece))
        else:
            await asyncio.gather(hashing.update(self._digest, piece), writer.write(memoryview(piece)))

    async def _opened(self) -> ObjectWriter:
        if self._writer is None:
            self._writer = await self._objects.create(self.key)
        return self._writer
