"""Requests that wait for their turn: what is taken together, and when no more are read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from services.ingest.drops.arrivals import Arrivals


class Sender:
    """Sends numbers without end, and counts how many were read."""

    def __init__(self) -> None:
        self.sent = 0

    async def numbers(self) -> AsyncIterator[int]:
        while True:
            self.sent += 1
            yield self.sent


async def turns() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def arrivals(items: AsyncIterator[int], most_items: int = 10, most_bytes: int = 1000) -> Arrivals[int]:
    return Arrivals(items, lambda item: item, most_items=most_items, most_bytes=most_bytes)


async def test_no_more_is_read_than_may_wait() -> None:
    sender = Sender()
    waiting = arrivals(sender.numbers(), most_items=3)
    await turns()
    assert sender.sent == 3
    assert await waiting.take() == [1, 2, 3]
    await turns()
    assert sender.sent == 6
    assert await waiting.take() == [4, 5, 6]
    await waiting.close()


async def test_bytes_count_too_and_a_single_large_item_passes() -> None:
    sender = Sender()
    sender.sent = 899
    waiting = arrivals(sender.numbers(), most_bytes=1000)
    await turns()
    assert await waiting.take() == [900, 901]
    sender.sent = 5000
    assert await waiting.take() != []
    await waiting.close()


async def test_the_end_comes_after_what_was_sent_before_it() -> None:
    async def two() -> AsyncIterator[int]:
        yield 1
        yield 2

    waiting = arrivals(two())
    assert await waiting.take() == [1, 2]
    assert await waiting.take() == []


async def test_what_breaks_the_stream_is_raised_after_what_was_sent_before_it() -> None:
    async def broken() -> AsyncIterator[int]:
        yield 1
        raise ValueError("broken")

    waiting = arrivals(broken())
    assert await waiting.take() == [1]
    with pytest.raises(ValueError, match="broken"):
        await waiting.take()
    await waiting.close()
