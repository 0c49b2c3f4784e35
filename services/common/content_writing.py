"""Bytes on their way into an object of their own, hashed as they come, in memory that does not grow with them."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from services.common.objects import Objects, ObjectWriter
from services.common.stores.contents import object_key

PIECE_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Written:
    """An object that nobody refers to yet: its writer claims its content, or deletes it."""

    object_key: str
    sha256: str
    size_bytes: int


class ContentWriter:
    """One content on its way in; ends with `commit` or `abort`, and `abort` after either is harmless.

    While one piece is hashed and written, the next one is gathered.
    """

    def __init__(self, objects: Objects, now_ns: Callable[[], int]) -> None:
        self._objects = objects
        self._now_ns = now_ns
        self._hash = hashlib.sha256()
        self._gathered = bytearray()
        self._under_way: asyncio.Task[None] | None = None
        self._writer: ObjectWriter | None = None
        self._key = ""
        self._committed = False
        self._hashed = False
        self.size_bytes = 0

    @property
    def whole(self) -> bytes | None:
        """All bytes, where they are so few that none was written yet."""
        return bytes(self._gathered) if self.size_bytes == len(self._gathered) else None

    async def write(self, chunk: bytes) -> None:
        """Takes the next bytes."""
        self.size_bytes += len(chunk)
        self._gathered += chunk
        if len(self._gathered) >= PIECE_BYTES:
            await self._flush()

    async def sha256(self) -> str:
        """The hash of all bytes, in hexadecimal, once there are no more."""
        await self._written()
        if not self._hashed:
            await asyncio.to_thread(self._hash.update, bytes(self._gathered))
            self._hashed = True
        return self._hash.hexdigest()

    async def commit(self) -> Written:
        """Makes the object durable."""
        sha256 = await self.sha256()
        await self._flush()
        await self._written()
        writer = await self._opened()
        info = await writer.commit()
        self._committed = True
        return Written(self._key, sha256, info.size_bytes)

    async def abort(self) -> None:
        """Forgets the bytes."""
        if self._under_way is not None:
            await asyncio.gather(self._under_way, return_exceptions=True)
        if self._writer is not None and not self._committed:
            await self._writer.abort()

    async def _flush(self) -> None:
        await self._written()
        if self._gathered:
            piece, self._gathered = bytes(self._gathered), bytearray()
            self._under_way = asyncio.create_task(self._write(piece))

    async def _written(self) -> None:
        if self._under_way is not None:
            # Shielded: a thread that writes must never outlive the file it writes to.
            await asyncio.shield(self._under_way)
            self._under_way = None

    async def _write(self, piece: bytes) -> None:
        writer = await self._opened()
        if self._hashed:
            await writer.write(piece)
        else:
            await asyncio.gather(asyncio.to_thread(self._hash.update, piece), writer.write(piece))

    async def _opened(self) -> ObjectWriter:
        if self._writer is None:
            self._key = object_key(self._now_ns())
            self._writer = await self._objects.create(self._key)
        return self._writer
