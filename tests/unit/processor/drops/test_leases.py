from __future__ import annotations

import asyncio
from typing import Any, cast

from services.common.base.errors import StoreUnavailable
from services.common.drops.topics import DROPS
from services.common.queue import Claim, Queue
from services.processor.drops.leases import holding

CLAIMS = [Claim(DROPS, b"one", 1, "a"), Claim(DROPS, b"two", 1, "b")]


class Extending:
    """A queue that counts, and now and again swallows a cancellation or is away."""

    def __init__(self) -> None:
        self.extended: list[str] = []
        self.enough = asyncio.Event()

    async def extend(self, claim: Claim, lease: Any) -> bool:
        self.extended.append(claim.token)
        if len(self.extended) == 3:
            raise StoreUnavailable("queue", "it is away")
        if len(self.extended) > 4:
            self.enough.set()
            try:
                await asyncio.sleep(10)
            except asyncio.CancelledError:
                return False
        return True


async def test_leases_are_extended_while_the_work_lasts_and_not_after_it() -> None:
    queue = Extending()
    async with asyncio.timeout(5):
        async with holding(cast(Queue, queue), CLAIMS, extend_seconds=0.001):
            await queue.enough.wait()
    assert queue.extended[:3] == ["a", "b", "a"]
    count = len(queue.extended)
    await asyncio.sleep(0.02)
    assert len(queue.extended) == count
