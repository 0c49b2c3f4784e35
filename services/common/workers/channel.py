"""The parent's end of the line to a child: frames, checked before they are kept."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import cast

from services.common.workers.protocol import HEADER_BYTES, Frame, Kind, Silence, check_header, pack

_UNREAD_BYTES = 64 * 2**10


class Channel(asyncio.Protocol):
    """One frame at a time, in either direction; what a child sends unasked stays in the system's buffer."""

    def __init__(self, limits: Mapping[int, tuple[int, int]]) -> None:
        self._limits = limits
        self._received = bytearray()
        self._wanted = HEADER_BYTES
        self._header: tuple[Kind, int, int] | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._is_open = True
        self._is_paused = False
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start to read."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Keep what arrives, and wake the reader once it is enough."""
        self._received += data
        if self._waiter is None:
            if len(self._received) > _UNREAD_BYTES:
                self._transport.pause_reading()
                self._is_paused = True
        elif len(self._received) >= self._wanted:
            self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wake the reader: nothing more arrives."""
        self._is_open = False
        self._wake()

    @property
    def is_quiet(self) -> bool:
        """Whether the child is there and sent nothing that was not read."""
        return self._is_open and not self._received

    def send(self, kind: Kind, job: int, text: bytes = b"", content: bytes = b"") -> None:
        """Send a frame; a child that is gone shows at the next `receive`."""
        self._transport.write(pack(kind, job, text, content))

    async def receive(self, deadline: float) -> Frame | None:
        """The next frame; None once the child is gone.

        Raises Silence when the loop's clock passes the deadline, and Misbehaviour.
        """
        if self._header is None:
            if not await self._has(HEADER_BYTES, deadline):
                return None
            kind, job, text_bytes, content_bytes = check_header(self._received, self._limits)
            self._header = kind, job, text_bytes
            self._wanted = HEADER_BYTES + text_bytes + content_bytes
        if not await self._has(self._wanted, deadline):
            return None
        kind, job, text_bytes = self._header
        with memoryview(self._received) as received:
            text_end = HEADER_BYTES + text_bytes
            frame = Frame(kind, job, bytes(received[HEADER_BYTES:text_end]), bytes(received[text_end : self._wanted]))
        del self._received[: self._wanted]
        self._header, self._wanted = None, HEADER_BYTES
        return frame

    def close(self) -> None:
        """Hang up."""
        self._transport.abort()

    async def _has(self, size: int, deadline: float) -> bool:
        if len(self._received) >= size:
            return True
        self._wanted = size
        if self._is_paused:
            self._transport.resume_reading()
            self._is_paused = False
        loop = asyncio.get_running_loop()
        timer = loop.call_at(deadline, self._expire)
        try:
            while self._is_open and len(self._received) < size:
                self._waiter = loop.create_future()
                await self._waiter
        finally:
            self._waiter = None
            timer.cancel()
        return len(self._received) >= size

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _expire(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(Silence())
