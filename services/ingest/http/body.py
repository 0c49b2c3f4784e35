"""A body between the connection that receives it and the method that reads it, with no more unread than its limit."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from services.common.base.errors import DropmeshError

MOST_WAITING_BYTES = 1024 * 1024
# What is read of a refused body before the answer.
MOST_REFUSED_BYTES = 64 * 1024 * 1024
MOST_REFUSED_TIME = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Piece:
    """A later message of a stream: like the gRPC message, it has `body.data`."""

    data: bytes

    @property
    def body(self) -> Piece:
        """Returns self, so that `message.body.data` reads like the gRPC message."""
        return self


class IncomingBody:
    """One body: the connection feeds it, and is paused while more than a MiB is unread; one method reads it."""

    def __init__(self, set_paused: Callable[[bool], None]) -> None:
        self._set_paused = set_paused
        self._pieces: deque[bytes] = deque()
        self._waiting_bytes = self._refused_bytes = 0
        self._paused = self._whole = self._lost = self._unwanted = False
        self._failure: DropmeshError | None = None
        self._wanted: asyncio.Future[None] | None = None

    def feed(self, piece: bytes) -> None:
        """Adds the next bytes."""
        if self._unwanted:
            self._refused_bytes += len(piece)
            if self._refused_bytes > MOST_REFUSED_BYTES:
                self._wake()
            return
        self._pieces.append(piece)
        self._waiting_bytes += len(piece)
        if self._waiting_bytes >= MOST_WAITING_BYTES:
            self._pause(True)
        self._wake()

    def end(self) -> None:
        """Marks the body as complete."""
        self._whole = True
        self._wake()

    def lose(self) -> None:
        """Marks the body as broken off, unless it is complete."""
        self._lost = not self._whole
        self._wake()

    def fail(self, error: DropmeshError) -> None:
        """Ends the stream with an error, unless the body is complete."""
        if not self._whole:
            self._failure = error
            self._wake()

    def discard(self) -> None:
        """Drops what is unread and what still arrives: its method has ended."""
        self._unwanted = True
        self._pieces.clear()
        self._pause(False)

    async def rest(self) -> None:
        """Drops a refused body, and returns once all of it was read, or it is too long, or takes too long.

        Many clients send all of a body before they read. Where the answer comes first, the edge soon closes their
        connection, and they report that instead of what was wrong.
        """
        self.discard()
        if not (self._whole or self._lost):
            self._wanted = asyncio.get_running_loop().create_future()
            with suppress(TimeoutError):
                async with asyncio.timeout(MOST_REFUSED_TIME.total_seconds()):
                    await self._wanted

    async def messages(self, first: Any) -> AsyncIterator[Any]:
        """The stream of requests for the method: one that holds the parameters, then one for each piece."""
        yield first
        async for piece in self.pieces():
            yield Piece(piece)

    async def pieces(self) -> AsyncIterator[bytes]:
        """The bytes as they arrive; raises CancelledError at their end where the sender hung up."""
        while True:
            while self._pieces:
                piece = self._pieces.popleft()
                self._waiting_bytes -= len(piece)
                if self._waiting_bytes <= MOST_WAITING_BYTES // 2:
                    self._pause(False)
                yield piece
            if self._whole:
                return
            if self._lost:
                raise asyncio.CancelledError
            if self._failure is not None:
                raise self._failure
            self._wanted = asyncio.get_running_loop().create_future()
            await self._wanted

    def _wake(self) -> None:
        if self._wanted is not None and not self._wanted.done():
            self._wanted.set_result(None)

    def _pause(self, paused: bool) -> None:
        if paused is not self._paused:
            self._paused = paused
            self._set_paused(paused)
