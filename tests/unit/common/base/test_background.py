from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from services.common.base.background import ENDS_MOST, Background, PutOff
from services.common.base.errors import StoreUnavailable
from services.common.base.telemetry import Metrics


class Loop:
    """Ends in a certain way so many times, then runs until the stop."""

    def __init__(self, end: Callable[[], Awaitable[None]], times: int) -> None:
        self._end = end
        self._times = times
        self.starts = 0
        self.steady = asyncio.Event()

    async def run(self, stopping: asyncio.Event) -> None:
        self.starts += 1
        if self.starts <= self._times:
            await self._end()
            return
        self.steady.set()
        await stopping.wait()


async def returns() -> None:
    """Ends quietly."""


async def raises() -> None:
    raise ZeroDivisionError


async def waits_in_vain() -> None:
    raise StoreUnavailable("queue", "gone")


async def is_cancelled_by_a_driver() -> None:
    answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_soon(answer.cancel)
    await answer


class Odd(BaseException):
    """No Exception."""


async def raises_oddly() -> None:
    raise Odd


@asynccontextmanager
async def running(loop: Loop, metrics: Metrics) -> AsyncIterator[Background]:
    background, stopping = Background(metrics, first_pause=0.001, longest_pause=0.002), asyncio.Event()
    task = asyncio.create_task(background.run([loop.run], stopping))
    try:
        yield background
    finally:
        stopping.set()
        async with asyncio.timeout(10):
            await task


@pytest.mark.parametrize("end", [returns, raises, waits_in_vain, is_cancelled_by_a_driver, raises_oddly])
async def test_a_loop_that_ends_starts_again_with_a_log_line_and_a_metric(
    end: Callable[[], Awaitable[None]], caplog: pytest.LogCaptureFixture
) -> None:
    loop, metrics = Loop(end, times=2), Metrics()
    with caplog.at_level(logging.WARNING):
        async with running(loop, metrics), asyncio.timeout(10):
            await loop.steady.wait()
            assert metrics.registry.get_sample_value("dropmesh_loops_running", {"loop": "Loop.run"}) == 1
    assert loop.starts == 3
    assert metrics.registry.get_sample_value("dropmesh_loop_restarts_total", {"loop": "Loop.run"}) == 2
    assert [record.loop for record in caplog.records] == ["Loop.run"] * 2  # type: ignore[attr-defined]


async def test_a_loop_that_never_stays_up_is_failing() -> None:
    loop = Loop(raises, times=ENDS_MOST)
    async with running(loop, Metrics()) as background, asyncio.timeout(10):
        await loop.steady.wait()
        assert background.failing == ["Loop.run"]


async def test_a_loop_that_waits_for_a_store_is_not_failing() -> None:
    loop = Loop(waits_in_vain, times=ENDS_MOST)
    async with running(loop, Metrics()) as background, asyncio.timeout(10):
        await loop.steady.wait()
        assert background.failing == []


async def test_a_loop_that_ended_once_is_not_failing() -> None:
    loop = Loop(raises, times=1)
    async with running(loop, Metrics()) as background, asyncio.timeout(10):
        await loop.steady.wait()
        assert background.failing == []


async def test_a_cancelled_background_ends_its_loops() -> None:
    loop = Loop(returns, times=0)
    task = asyncio.create_task(Background(Metrics()).run([loop.run], asyncio.Event()))
    await loop.steady.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def test_work_is_put_off_until_it_goes_on() -> None:
    metrics = Metrics()
    put_off = PutOff(metrics)
    assert put_off.causes == {}
    put_off.begin("photos", "no space")
    put_off.begin("photos", "no space")
    put_off.begin("videos", "no memory")
    put_off.end("videos")
    assert put_off.causes == {"photos": "no space"}
    sample = metrics.registry.get_sample_value
    assert [sample("dropmesh_work_put_off", {"work": work}) for work in ("photos", "videos")] == [1, 0]
    assert sample("dropmesh_work_put_off_times_total", {"work": "photos"}) == 2
