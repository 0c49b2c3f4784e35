"""Which receipts belong into the queue, and how they get there: many in one message."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta

from services.common.base.instants import to_ns
from services.common.drops.receipt import Receipt
from services.common.drops.receipts import Receipts
from services.common.drops.topics import DROPS, LARGE_DROPS, MOST_IDS, message
from services.common.queue import Queue
from services.common.queue.outbox import Outbox

# Under load each message is a durable commit that drops wait for: with this pause they share it.
GATHER = timedelta(milliseconds=25)
LOST_AFTER = timedelta(seconds=10)
# While the queue holds anything, a receipt that is NEW for longer than LOST_AFTER is waiting for its turn.
LOST_AFTER_WHILE_BUSY = timedelta(minutes=5)
_FOUND_MOST = 1000


class UnqueuedReceipts:
    """A receipt is NEW until a worker settles it: that alone says that it belongs into the queue."""

    def __init__(self, queue: Queue, receipts: Receipts, now_ns: Callable[[], int]) -> None:
        self._queue = queue
        self._receipts = receipts
        self._now_ns = now_ns

    async def publish(self, items: Sequence[Receipt]) -> None:
        """See Unqueued."""
        small = [receipt.id for receipt in items if receipt.object_key is None]
        large = [receipt.id for receipt in items if receipt.object_key is not None]
        if small:
            await self._queue.publish(
                DROPS,
                [message(small[start : start + MOST_IDS]) for start in range(0, len(small), MOST_IDS)],
                swept=True,
            )
        if large:
            await self._queue.publish(LARGE_DROPS, [message([key]) for key in large], swept=True)

    async def find(self) -> Sequence[Receipt]:
        """See Unqueued."""
        is_busy = any([await self._queue.depth(topic) for topic in (DROPS, LARGE_DROPS)])
        patience = LOST_AFTER_WHILE_BUSY if is_busy else LOST_AFTER
        return await self._receipts.waiting_since(self._now_ns() - to_ns(patience), limit=_FOUND_MOST)


def drop_outbox(queue: Queue, receipts: Receipts, now_ns: Callable[[], int]) -> Outbox[Receipt]:
    """The outbox of receipts."""
    return Outbox("receipts", UnqueuedReceipts(queue, receipts, now_ns), now_ns, gather=GATHER)
