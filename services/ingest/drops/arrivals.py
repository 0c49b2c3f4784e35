"""The requests of a stream that wait for their turn: those that arrive during one commit share the next."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Arrivals(Generic[Item]):
    """Reads a stream ahead of its consumer, and no further while it holds `most_items` or `most_bytes`."""

    def __init__(
        self, items: AsyncIterator[Item], size_bytes: Callable[[Item], int], *, most_items: int, most_bytes: int
    ) -> None:
        self._items = items
        self._size_bytes = size_bytes
        self._most_items = most_items
        self._most_bytes = most_bytes
        self._waiting: list[Item] = []
        self._waiting_bytes = 0
        self._arrived = asyncio.Event()
        self._taken = asyncio.Event()
        self._reading = asyncio.create_task(self._read())
        self._reading.add_done_callback(lambda _: self._arrived.set())

    async def take(self) -> list[Item]:
        """Returns all that wait, as soon as one does; nothing at the end of the stream, or raises what broke it."""
        while not self._waiting and not self._reading.done():
            self._arrived.clear()
            await self._arrived.wait()
        if not self._waiting:
            await self._reading
        waiting, self._waiting, self._waiting_bytes = self._waiting, [], 0
        self._taken.set()
        return waiting

    async def close(self) -> None:
        """Reads no more."""
        self._reading.cancel()
        with suppress(asyncio.CancelledError, Exception):
            await self._reading

    async def _read(self) -> None:
        async for item in self._items:
            self._waiting.append(item)
            self._waiting_bytes += self._size_bytes(item)
            self._arrived.set()
            while len(self._waiting) >= self._most_items or self._waiting_bytes >= self._most_bytes:
                self._taken.clear()
                await self._taken.wait()
