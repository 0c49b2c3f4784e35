from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest
from dropmesh.classify_dir.ending import answer_within, end_all


async def forever() -> None:
    await asyncio.Event().wait()


async def swallows_the_first() -> None:
    with suppress(asyncio.CancelledError):
        await forever()
    await forever()


async def fails() -> None:
    raise OSError("gone")


async def test_tasks_end_though_one_swallows_its_cancellation() -> None:
    tasks = [asyncio.create_task(work()) for work in (forever, swallows_the_first, fails)]
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        await end_all(tasks, again_after=0.01)
    assert [task.cancelled() for task in tasks] == [True, True, False]


async def swallows_every_cancellation(until: asyncio.Event) -> None:
    while not until.is_set():
        with suppress(asyncio.CancelledError):
            await until.wait()


async def test_a_call_that_does_not_end_is_given_up() -> None:
    until = asyncio.Event()
    async with asyncio.timeout(5):
        with pytest.raises(TimeoutError, match=r"no answer within 0\.01 s"):
            await answer_within(0.01, swallows_every_cancellation(until))
    until.set()


async def test_a_call_that_the_client_cancels_is_a_lost_connection() -> None:
    async def cancels_itself() -> None:
        raise asyncio.CancelledError

    with pytest.raises(ConnectionError, match="was closed"):
        await answer_within(5, cancels_itself())


async def test_answers_and_errors_are_handed_on() -> None:
    async def answers() -> str:
        return "yes"

    assert await answer_within(5, answers()) == "yes"
    with pytest.raises(OSError, match="gone"):
        await answer_within(5, fails())


async def test_a_cancelled_caller_cancels_its_call() -> None:
    ended = asyncio.Event()

    async def call() -> None:
        try:
            await forever()
        finally:
            ended.set()

    caller = asyncio.create_task(answer_within(5, call()))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    async with asyncio.timeout(5):
        await ended.wait()
