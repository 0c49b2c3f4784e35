"""Processes drops: claims many, computes them off the event loop, writes what they come to, and settles their receipts.

Every step can be repeated: a measurement gives way to a newer receipt alone, a lineage entry is the same each time, a
receipt is settled once. So a worker may die anywhere, and two may do the same work.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from functools import partial

from services.common.base.errors import DropmeshError, ObjectDamaged, ObjectMissing, ResourceExhausted, Unavailable
from services.common.base.loops import Backoff, pause, until_stopped
from services.common.base.telemetry import Metrics
from services.common.drops.measurements import Measurements
from services.common.drops.receipt import Receipt, ReceiptState
from services.common.drops.receipts import Receipts
from services.common.drops.topics import DROPS, LARGE_DROPS, receipt_ids
from services.common.queue import Claim, Queue, Topic
from services.common.tracing import Tracing
from services.processor.drops.leases import LEASE, holding
from services.processor.drops.results import DropResult, DropRules, drop_result, unreadable_drop

WAIT = timedelta(seconds=5)
RETRY_AFTER = timedelta(seconds=2)
BUSY_RECEIPTS = 20
ROUND_SECONDS = 0.15
MOST_MESSAGES = 50
MOST_RECEIPTS = 500
# With their measurements and lineage they make one commit that does not hold the catalog for long.
SETTLED_AT_ONCE = 150
# A message that did not come through twice may hold a drop that ends its process: each goes alone from then on.
_ALONE_FROM_ATTEMPT = 3
log = logging.getLogger(__name__)


class DropWorker:
    """Works on one topic of drops; several may, in one process or many."""

    def __init__(
        self,
        queue: Queue,
        receipts: Receipts,
        measurements: Measurements,
        rules: DropRules,
        metrics: Metrics,
        now_ns: Callable[[], int] = time.time_ns,
        tracing: Tracing | None = None,
    ) -> None:
        self._tracing = tracing or Tracing()
        self._queue = queue
        self._receipts = receipts
        self._measurements = measurements
        self._rules = rules
        self._metrics = metrics
        self._now_ns = now_ns

    async def run(self, stopping: asyncio.Event) -> None:
        """Processes small drops, many at a time, until `stopping` is set."""
        await self._work(DROPS, MOST_MESSAGES, stopping)

    async def run_large(self, stopping: asyncio.Event) -> None:
        """Processes large drops, one after the other, until `stopping` is set."""
        await self._work(LARGE_DROPS, 1, stopping)

    async def _work(self, topic: Topic, most: int, stopping: asyncio.Event) -> None:
        backoff = Backoff()
        while not stopping.is_set():
            try:
                claiming = self._queue.claim(topic, limit=most, lease=LEASE, wait=WAIT)
                claims = await until_stopped(claiming, stopping) or ()
                began = time.monotonic()
                async with holding(self._queue, claims):
                    is_busy = bool(claims) and await self._process(claims) >= BUSY_RECEIPTS
            except (Unavailable, ResourceExhausted) as error:
                seconds, cause = backoff.failed(), getattr(error, "cause", error.message)
                extra = {"topic": topic.name, "seconds": seconds, "cause": cause}
                log.warning("a store is away or full: no drop is begun for now", extra=extra)
                await pause(seconds, stopping)
                continue
            backoff.succeeded()
            if is_busy:
                # Under load a round that begins later is larger, and leaves the stores to others until then.
                await asyncio.sleep(ROUND_SECONDS - (time.monotonic() - began))

    async def _process(self, claims: Sequence[Claim]) -> int:
        """Returns how many receipts the messages named."""
        ids = list(dict.fromkeys(key for claim in claims for key in receipt_ids(claim.body)))
        step = 1 if any(claim.attempt >= _ALONE_FROM_ATTEMPT for claim in claims) else MOST_RECEIPTS
        fault = ""
        for start in range(0, len(ids), step):
            try:
                await self._process_receipts(ids[start : start + step])
            except (Unavailable, ResourceExhausted):
                await self._put_back(claims)
                raise
            except Exception as error:  # it stops no other drop
                log.warning(
                    "drops are left for later", exc_info=True, extra={"receipts": ids[start : start + step][:10]}
                )
                fault = f"{type(error).__name__}: {error}"
        if fault:
            for claim in claims:
                await self._queue.release(claim, reason=fault, delay=RETRY_AFTER)
        else:
            await self._queue.acknowledge(claims)
        return len(ids)

    async def _put_back(self, claims: Sequence[Claim]) -> None:
        """Has the messages claimed again; where the queue is away too, they are when their leases end."""
        with suppress(DropmeshError):
            for claim in claims:
                await self._queue.put_back(claim, delay=RETRY_AFTER)

    async def _process_receipts(self, ids: Sequence[str]) -> None:
        found = await self._receipts.get_many(ids)
        new = [receipt for receipt in found.values() if receipt.state is ReceiptState.NEW]
        if not new:
            return
        self._metrics.batch_size.labels("drops").observe(len(new))
        raws = [await self._raw(receipt) if receipt.raw is None else receipt.raw for receipt in new]
        began, began_ns = time.monotonic(), self._now_ns()
        results = await asyncio.to_thread(self._compute, list(zip(new, raws, strict=True)))
        for start in range(0, len(results), SETTLED_AT_ONCE):
            some = results[start : start + SETTLED_AT_ONCE]
            measurements = [one for result in some for one in result.measurements]
            write = partial(self._measurements.write, measurements)
            await self._receipts.settle((result.receipt for result in some), began=began, write=write)
        for state, count in Counter(result.receipt.state for result in results).items():
            self._metrics.work_done.labels("drops", state.value).inc(count)
        if self._tracing.is_on:
            self._trace(new, began_ns)

    def _trace(self, receipts: Sequence[Receipt], began_ns: int) -> None:
        end_ns = self._now_ns()
        for receipt in receipts:
            self._tracing.worked(
                "drops",
                receipt.traceparent,
                since_ns=receipt.new_since_ns or began_ns,
                start_ns=began_ns,
                end_ns=end_ns,
                receipt=receipt.id,
                processed_together=len(receipts),
            )

    def _compute(self, drops: Sequence[tuple[Receipt, bytes | ObjectMissing | ObjectDamaged]]) -> list[DropResult]:
        now_ns = self._now_ns()
        return [
            unreadable_drop(receipt, raw, self._rules, now_ns)
            if isinstance(raw, ObjectMissing | ObjectDamaged)
            else drop_result(receipt, raw, self._rules, now_ns)
            for receipt, raw in drops
        ]

    async def _raw(self, receipt: Receipt) -> bytes | ObjectMissing | ObjectDamaged:
        try:
            return b"".join([chunk async for chunk in self._receipts.read_raw(receipt)])
        except (ObjectMissing, ObjectDamaged) as fault:
            log.exception("a drop is quarantined: its stored bytes cannot be read", extra={"receipt": receipt.id})
            return fault
