from __future__ import annotations

import asyncio

import pytest

from services.common.base.errors import StoreUnavailable
from services.common.base.probes import ANSWERS
from services.common.stores.breaker import Breaker


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


async def number() -> int:
    return 7


async def silent() -> None:
    await asyncio.Event().wait()


async def test_while_a_store_answers_its_operations_are_passed_on() -> None:
    breaker = Breaker("catalog", Clock())
    breaker.heard(ANSWERS)
    assert await breaker.run(number()) == 7


async def test_an_open_breaker_refuses_at_once_and_names_the_store() -> None:
    clock = Clock()
    breaker = Breaker("objects", clock)
    clock.now += 60
    breaker.heard("does not answer: connection refused")
    with pytest.raises(StoreUnavailable) as refused:
        await breaker.run(number())
    assert refused.value.metadata == {"store": "objects"}
    assert refused.value.cause == "does not answer: connection refused"
    assert refused.value.retry_after is not None


async def test_an_operation_under_way_ends_when_the_breaker_opens() -> None:
    clock = Clock()
    breaker = Breaker("catalog", clock)
    waiting = asyncio.create_task(breaker.run(silent()))
    await asyncio.sleep(0)
    clock.now += 60
    breaker.heard("does not answer")
    with pytest.raises(StoreUnavailable):
        await asyncio.wait_for(waiting, 5)


async def test_it_closes_when_the_store_answers_again() -> None:
    clock = Clock()
    breaker = Breaker("catalog", clock)
    clock.now += 60
    breaker.heard("does not answer")
    breaker.heard(ANSWERS)
    assert await breaker.run(number()) == 7


async def test_a_store_that_answered_another_operation_lately_is_not_given_up() -> None:
    clock = Clock()
    breaker = Breaker("catalog", clock)
    clock.now += 60
    assert await breaker.run(number()) == 7
    breaker.heard("does not answer")
    assert await breaker.run(number()) == 7


async def test_the_end_of_a_caller_ends_its_operation() -> None:
    breaker = Breaker("catalog", Clock())
    ended = asyncio.Event()

    async def operation() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    caller = asyncio.create_task(breaker.run(operation()))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    await asyncio.wait_for(ended.wait(), 5)


async def test_an_operation_that_may_not_be_cancelled_goes_on_without_its_caller() -> None:
    breaker = Breaker("catalog", Clock(), cancels=False)
    go_on, ended = asyncio.Event(), asyncio.Event()

    async def operation() -> None:
        await go_on.wait()
        ended.set()

    caller = asyncio.create_task(breaker.run(operation()))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    go_on.set()
    await asyncio.wait_for(ended.wait(), 5)
