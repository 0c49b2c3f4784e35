from __future__ import annotations

import asyncio

from services.common.base.loops import pause, wait_for_any


async def test_a_pause_ends_by_itself() -> None:
    assert await pause(0.01, asyncio.Event()) is False


async def test_a_stop_ends_a_pause_at_once() -> None:
    stopping = asyncio.Event()
    asyncio.get_running_loop().call_soon(stopping.set)
    async with asyncio.timeout(10):
        assert await pause(3600, stopping) is True


async def test_any_of_the_events_ends_the_waiting() -> None:
    first, second = asyncio.Event(), asyncio.Event()
    asyncio.get_running_loop().call_soon(second.set)
    async with asyncio.timeout(10):
        await wait_for_any(first, second)
    assert not first.is_set()
