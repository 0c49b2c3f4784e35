"""Bytes on their way into an object of their own, hashed as they come, in memory that does not grow with them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from services.common.contents.store import object_key
from services.common.objects import Objects
from services.common.objects.piece_writer import PieceWriter


@dataclass(frozen=True, slots=True)
class Written:
    """An object without a reference yet: its writer claims its content, or deletes it."""

    object_key: str
    sha256: str
    size_bytes: int


class ContentWriter:
    """One content on its way in; ends with `commit` or `abort`, and `abort` after either is harmless."""

    def __init__(self, objects: Objects, now_ns: int) -> None:
        self._hash = hashlib.sha256()
        self._pieces = PieceWriter(objects, object_key(now_ns), digest=self._hash)
        self._written: Written | None = None

    @property
    def size_bytes(self) -> int:
        """How many bytes came until now."""
        return self._pieces.size_bytes

    @property
    def whole(self) -> bytes | None:
        """All bytes, where they are so few that none was written yet."""
        return self._pieces.whole

    async def write(self, chunk: bytes) -> None:
        """Takes the next bytes."""
        await self._pieces.write(chunk)

    async def sha256(self) -> str:
        """The hash of all bytes, in hexadecimal, once there are no more."""
        await self._pieces.end()
        return self._hash.hexdigest()

    async def commit(self) -> Written:
        """Makes the object durable; a second call changes nothing."""
        if self._written is None:
            sha256 = await self.sha256()
            info = await self._pieces.commit()
            self._written = Written(info.key, sha256, info.size_bytes)
        return self._written

    async def abort(self) -> None:
        """Forgets the bytes."""
        await self._pieces.abort()
