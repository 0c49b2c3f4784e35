"""Hashes that are computed beside an event loop."""

from __future__ import annotations

import asyncio
from typing import Protocol

# It takes a third of a millisecond: to hand it to a thread, and to hear from it, takes as long.
AT_ONCE_BYTES = 512 * 1024


class Digest(Protocol):
    """A hash of hashlib's."""

    def update(self, data: bytes | bytearray, /) -> None:
        """Takes the next bytes."""
        ...


async def update(digest: Digest, data: bytes | bytearray) -> None:
    """Takes the next bytes; many of them in a thread, so that they hold up no other call."""
    if len(data) <= AT_ONCE_BYTES:
        digest.update(data)
    else:
        await asyncio.to_thread(digest.update, data)
