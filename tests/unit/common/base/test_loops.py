from __future__ import annotations

import asyncio

from services.common.base.loops import Backoff, is_cancelled, pause, wait_for_any


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


def test_pauses_double_up_to_a_limit_and_start_anew() -> None:
    backoff = Backoff(first=1, longest=5)
    assert [backoff.failed() for _ in range(4)] == [1, 2, 4, 5]
    backoff.succeeded()
    assert backoff.failed() == 1


async def test_a_cancelled_future_does_not_cancel_its_reader() -> None:
    answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    answer.cancel()
    try:
        await answer
    except asyncio.CancelledError:
        assert not is_cancelled()
