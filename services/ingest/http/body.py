"""A body on its way from a connection to the method that reads it, with no more in between than is worth having."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

MOST_WAITING_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Piece:
    """What a stream's later messages are to a method that reads bodies: `body.data`."""

    data: bytes

    @property
    def body(self) -> Piece:
        """Itself."""
        return self


class PlainBody:
    """One body: the connection feeds it and is told to wait while much of it lies unread; one method reads it."""

    def __init__(self, set_paused: Callable[[bool], None]) -> None:
        self._set_paused = set_paused
        self._pieces: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._paused = self._whole = self._lost = self._unwanted = False
        self._wanted: asyncio.Future[None] | None = None

    @property
    def is_lost(self) -> bool:
        """Whether its sender hung up before its end."""
        return self._lost

    def feed(self, piece: bytes) -> None:
        """Takes the next bytes."""
        if self._unwanted:
            return
        self._pieces.append(piece)
        self._waiting_bytes += len(piece)
        if self._waiting_bytes >= MOST_WAITING_BYTES:
            self._pause(True)
        self._wake()

    def end(self) -> None:
        """Its end was seen."""
        self._whole = True
        self._wake()

    def lose(self) -> None:
        """Its end will not be seen."""
        self._lost = not self._whole
        self._wake()

    def discard(self) -> None:
        """Nobody reads on: what still comes only passes by."""
        self._unwanted = True
        self._pieces.clear()
        self._pause(False)

    async def messages(self, first: Any) -> AsyncIterator[Any]:
        """The stream of requests that a method is given; cancelled, never ended, where the sender hung up."""
        yield first
        while True:
            while self._pieces:
                piece = self._pieces.popleft()
                self._waiting_bytes -= len(piece)
                if self._waiting_bytes <= MOST_WAITING_BYTES // 2:
                    self._pause(False)
                yield Piece(piece)
            if self._whole:
                return
            if self._lost:
                raise asyncio.CancelledError
            self._wanted = asyncio.get_running_loop().create_future()
            await self._wanted

    def _wake(self) -> None:
        if self._wanted is not None and not self._wanted.done():
            self._wanted.set_result(None)

    def _pause(self, paused: bool) -> None:
        if paused is not self._paused:
            self._paused = paused
            self._set_paused(paused)
