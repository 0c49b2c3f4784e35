"""Waiting in background loops, so that a stop is noticed at once."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, TypeVar

T = TypeVar("T")


async def pause(seconds: float, until: asyncio.Event) -> bool:
    """Sleeps, or ends early when the event is set, mostly that of a stop; returns whether it is set."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await until.wait()
    return until.is_set()


class Backoff:
    """Pauses that double with each failure up to a limit, so that a store that comes back is not overrun."""

    def __init__(self, first: float = 0.5, longest: float = 5.0) -> None:
        self._first = first
        self._longest = longest
        self._next = first

    def failed(self) -> float:
        """Returns the seconds to wait before the next try."""
        seconds, self._next = self._next, min(2 * self._next, self._longest)
        return seconds

    def succeeded(self) -> None:
        """Starts anew."""
        self._next = self._first


def is_cancelled() -> bool:
    """Whether the running task was asked to end; a CancelledError without that comes from below, say from a driver."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


async def wait_for_any(*events: asyncio.Event) -> None:
    """Returns once one of the events is set."""
    waiting = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()


async def until_stopped(work: Coroutine[Any, Any, T], stopping: asyncio.Event) -> T | None:
    """Runs work to its end; cancels it, waits for that and returns None when the stop comes first."""
    task = asyncio.create_task(work)
    stop = asyncio.create_task(stopping.wait())
    try:
        await asyncio.wait((task, stop), return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            task.cancel()
            await asyncio.wait((task,))
    finally:
        stop.cancel()
        task.cancel()
    return None if task.cancelled() else task.result()
