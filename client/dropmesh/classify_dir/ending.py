"""The end of a run's tasks."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

AGAIN_AFTER_SECONDS = 1.0


async def end_all(tasks: Iterable[asyncio.Task[Any]], again_after: float = AGAIN_AFTER_SECONDS) -> None:
    """Cancels tasks until all have ended: RabbitMQ's client may swallow a cancellation, and the task would go on."""
    tasks = list(tasks)
    pending = set(tasks)
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=again_after)
    await asyncio.gather(*tasks, return_exceptions=True)
