"""The rest of a body that was refused, which is read before the answer is sent.

Many clients send all of a body before they read. Where the answer comes first, the edge soon closes their connection,
and they report that instead of what was wrong.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta

from services.common.base.loops import pause

MOST_BYTES = 64 * 1024 * 1024
MOST_TIME = timedelta(seconds=5)


class RefusedBody:
    """Counts the bytes that still arrive; none is kept."""

    def __init__(self) -> None:
        self._size_bytes = 0
        self._ended = asyncio.Event()

    def feed(self, piece: bytes) -> None:
        """More of it came."""
        self._size_bytes += len(piece)
        if self._size_bytes > MOST_BYTES:
            self._ended.set()

    def end(self) -> None:
        """Nothing more of it comes."""
        self._ended.set()

    async def wait(self) -> None:
        """Returns once it was read, or is too long, or takes too long."""
        await pause(MOST_TIME.total_seconds(), self._ended)
