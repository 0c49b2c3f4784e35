"""A stored object's bytes for a parser that jumps back and forth in it."""

from __future__ import annotations

from services.common.objects import Objects

BLOCK_BYTES = 256 * 1024
BLOCKS_KEPT = 8


class StoredRanges:
    """Reads the object in blocks, and keeps the last few: parsers come back to where they were."""

    def __init__(self, objects: Objects, key: str) -> None:
        self._objects = objects
        self._key = key
        self._blocks: dict[int, bytes] = {}

    async def read(self, offset: int, count: int) -> bytes:
        """The bytes from an offset, fewer only at the object's end."""
        found = bytearray()
        while len(found) < count:
            number, start = divmod(offset + len(found), BLOCK_BYTES)
            piece = (await self._block(number))[start : start + count - len(found)]
            if not piece:
                break
            found += piece
        return bytes(found)

    async def _block(self, number: int) -> bytes:
        block = self._blocks.pop(number, None)
        if block is None:
            chunks = self._objects.read(self._key, number * BLOCK_BYTES, BLOCK_BYTES)
            block = b"".join([chunk async for chunk in chunks])
        self._blocks[number] = block
        if len(self._blocks) > BLOCKS_KEPT:
            del self._blocks[next(iter(self._blocks))]
        return block
