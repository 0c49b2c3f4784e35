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
# While the queue holds anything, a receipt that is NEW for longer than LOST_AFTER may be waiting for its turn; not once
# a drop that came so much later is done.
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
        now_ns = self._now_ns()
        lost_ns, lost_while_busy_ns = now_ns - to_ns(LOST_AFTER), now_ns - to_ns(LOST_AFTER_WHILE_BUSY)
        small_ns, large_ns = lost_ns, lost_ns
        if await self._queue.depth(DROPS):
            passed_ns = await self._receipts.small_done_until() - to_ns(LOST_AFTER)
            small_ns = min(lost_ns, max(lost_while_busy_ns, passed_ns))
        if await self._queue.depth(LARGE_DROPS):
            large_ns = lost_while_busy_ns
        waiting = await self._receipts.waiting_since(max(small_ns, large_ns), limit=_FOUND_MOST)
        return [
            receipt
            for receipt in waiting
            if (receipt.new_since_ns or 0) < (small_ns if receipt.object_key is None else large_ns)
        ]


def drop_outbox(queue: Queue, receipts: Receipts, now_ns: Callable[[], int]) -> Outbox[Receipt]:
    """The outbox of receipts."""
    return Outbox("receipts", UnqueuedReceipts(queue, receipts, now_ns), now_ns, gather=GATHER)
