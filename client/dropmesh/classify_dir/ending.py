"""Ends work of RabbitMQ's client, which may swallow a cancellation, cancel its caller, or never answer."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any, TypeVar

Result = TypeVar("Result")

AGAIN_AFTER_SECONDS = 1.0


async def end_all(tasks: Iterable[asyncio.Task[Any]], again_after: float = AGAIN_AFTER_SECONDS) -> None:
    """Cancels tasks until all have ended."""
    tasks = list(tasks)
    pending = set(tasks)
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=again_after)
    await asyncio.gather(*tasks, return_exceptions=True)


async def answer_within(seconds: float, call: Coroutine[Any, Any, Result]) -> Result:
    """Returns what a call of the client returns; raises TimeoutError after so long, though the call may go on.

    A connection that closes cancels the calls that wait for its answers: that is a ConnectionError here.
    """
    task = asyncio.create_task(call)
    task.add_done_callback(_retrieve_error)
    try:
        await asyncio.wait((task,), timeout=seconds)
    finally:
        task.cancel()
    if not task.done():
        raise TimeoutError(f"no answer within {seconds:g} s")
    if task.cancelled():
        raise ConnectionError("the connection was closed")
    return task.result()


def _retrieve_error(task: asyncio.Task[Any]) -> None:
    # Else the error of a call that was given up is printed at the end.
    if not task.cancelled():
        task.exception()
