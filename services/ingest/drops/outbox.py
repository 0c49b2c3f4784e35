"""Tells the workers of new receipts: many in one message, and never in the way of an acknowledgement."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

from services.common.base.errors import DropmeshError
from services.common.drops.receipts import Receipt, Receipts
from services.common.drops.topics import DROPS, LARGE_DROPS, MOST_IDS, message
from services.common.queue import Queue, Topic

# Under load each message is a durable commit that drops wait for: with this pause they share it. The first drop after
# a quiet moment does not wait.
GATHER_SECONDS = 0.025
SWEEP_AFTER = timedelta(seconds=10)
# While the queue holds anything, what is NEW for longer than SWEEP_AFTER is waiting for its turn, not lost.
SWEEP_BUSY_AFTER = timedelta(minutes=5)
_SWEPT = 1000
log = logging.getLogger(__name__)


class DropQueue:
    """While one message is on its way and shortly after, the receipts that come in gather for the next.

    What never reaches the queue, because a process died or the queue was away, is found by `sweep`: the receipt says
    itself that it is still to be processed.
    """

    def __init__(self, queue: Queue, receipts: Receipts, now_ns: Callable[[], int]) -> None:
        self._queue = queue
        self._receipts = receipts
        self._now_ns = now_ns
        self._waiting: dict[Topic, list[str]] = {DROPS: [], LARGE_DROPS: []}
        self._telling: asyncio.Task[None] | None = None
        self._told_ns: dict[str, int] = {}

    def add(self, receipt: Receipt) -> None:
        """Has a receipt processed soon; returns at once."""
        self._waiting[DROPS if receipt.object_key is None else LARGE_DROPS].append(receipt.id)
        if self._telling is None or self._telling.done():
            self._telling = asyncio.create_task(self._tell())

    async def sweep(self) -> int:
        """Tells the queue again of receipts that are NEW for too long; returns of how many."""
        is_busy = any([await self._queue.depth(topic) for topic in self._waiting])
        now_ns = self._now_ns()
        self._told_ns = {key: told for key, told in self._told_ns.items() if now_ns - told < _ns(SWEEP_BUSY_AFTER)}
        old = await self._receipts.waiting_since(
            now_ns - _ns(SWEEP_BUSY_AFTER if is_busy else SWEEP_AFTER), limit=_SWEPT
        )
        lost = [receipt for receipt in old if receipt.id not in self._told_ns]
        for receipt in lost:
            self._told_ns[receipt.id] = now_ns
            self.add(receipt)
        return len(lost)

    async def run(self, stopping: asyncio.Event) -> None:
        """Sweeps now and then until told to stop, then sees the last message off."""
        while not stopping.is_set():
            if found := await self.sweep():
                log.warning("receipts that the queue did not know of were queued again", extra={"receipts": found})
            with suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), SWEEP_AFTER.total_seconds() / 2)
        if self._telling is not None:
            await self._telling

    async def _tell(self) -> None:
        while any(self._waiting.values()):
            for topic, most in ((DROPS, MOST_IDS), (LARGE_DROPS, 1)):
                ids, self._waiting[topic] = self._waiting[topic], []
                if not ids:
                    continue
                bodies = [message(ids[start : start + most]) for start in range(0, len(ids), most)]
                try:
                    await self._queue.publish(topic, bodies)
                except DropmeshError as error:
                    for key in ids:
                        self._told_ns.pop(key, None)
                    log.warning("the queue was not told of receipts; the sweep will", extra={"cause": str(error)})
            await asyncio.sleep(GATHER_SECONDS)


def _ns(length: timedelta) -> int:
    return length // timedelta(microseconds=1) * 1000
