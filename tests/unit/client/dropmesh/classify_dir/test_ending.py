from __future__ import annotations

import asyncio
from contextlib import suppress

from dropmesh.classify_dir.ending import end_all


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
