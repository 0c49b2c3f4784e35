"""Works on erasures: any process of the service may, one at a time each, and another goes on where one died."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

from services.common.base.instants import lease_lasts, to_ns
from services.common.base.loops import wait_for_any
from services.common.base.telemetry import Metrics
from services.common.erasures.store import Erasure, Erasures
from services.ingest.erasures.kinds import Kind, Scope

LEASE, LONGEST_LEASE = timedelta(seconds=30), timedelta(minutes=1)
LOOK_SECONDS = 5.0
log = logging.getLogger(__name__)


class ErasureWorker:
    """Removes pages of each kind, round after round, until a late round finds nothing.

    A call or a worker that began before the erasure may store something after it was looked for. So the last round
    begins when `settle` has passed since the request.
    """

    def __init__(
        self,
        erasures: Erasures,
        kinds: Sequence[Kind],
        metrics: Metrics,
        *,
        settle: timedelta,
        now_ns: Callable[[], int] = time.time_ns,
        elapsed_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._erasures = erasures
        self._kinds = {kind.name: kind for kind in kinds}
        self._metrics = metrics
        self._settle_ns = to_ns(settle)
        self._now_ns = now_ns
        self._elapsed_ns = elapsed_ns
        self._settled_ns: dict[str, int] = {}
        self._begun = asyncio.Event()

    def begun(self) -> None:
        """An erasure was stored: it is worked on at once."""
        self._begun.set()

    async def run(self, stopping: asyncio.Event) -> None:
        """Works until the service stops."""
        while not stopping.is_set():
            self._begun.clear()
            running = await self._erasures.running()
            ids = {erasure.id for erasure in running}
            self._settled_ns = {key: at_ns for key, at_ns in self._settled_ns.items() if key in ids}
            for erasure in running:
                if stopping.is_set():
                    return
                await self.work_on(erasure, stopping)
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await wait_for_any(stopping, self._begun)

    async def work_on(self, erasure: Erasure, stopping: asyncio.Event) -> Erasure | None:
        """Works on an erasure that no other process has; returns it as it is afterwards, or None where one has it."""
        now_ns = self._now_ns()
        if erasure.lease_end_ns is not None and lease_lasts(erasure.lease_end_ns, now_ns, LONGEST_LEASE):
            return None
        held = await self._write(erasure)
        if held is not None and held.pending is not None:
            await self._kinds[held.pending.kind].remove(held.pending.keys)
        while held is not None and not stopping.is_set():
            is_late = self._has_settled(held)
            after = await self._round(held, stopping)
            if after is None or stopping.is_set():
                return await self._let_go(after)
            is_empty, held = after.names_sha256 == held.names_sha256, after
            if is_empty:
                return await (self._end(held) if is_late else self._let_go(held))
        return held

    def _has_settled(self, erasure: Erasure) -> bool:
        """Whether `settle` has passed; once this process knows an erasure, setting the clock changes nothing."""
        elapsed_ns = self._elapsed_ns()
        left_ns = min(max(0, erasure.create_time_ns + self._settle_ns - self._now_ns()), self._settle_ns)
        return elapsed_ns >= self._settled_ns.setdefault(erasure.id, elapsed_ns + left_ns)

    async def _round(self, erasure: Erasure, stopping: asyncio.Event) -> Erasure | None:
        """Removes all that is found now; None where another process has the erasure by then."""
        scope = self._scope(erasure)
        held = erasure
        for kind in self._kinds.values():
            async for page in kind.pages(scope):
                written = await self._write(held.counted(kind.name, page))
                if written is None:
                    return None
                held = written
                await kind.remove(page.keys)
                self._metrics.work_done.labels("erasure", kind.name).inc(page.documents)
                if stopping.is_set():
                    return held
        return held

    def _scope(self, erasure: Erasure) -> Scope:
        # Without its tokens the owner sends nothing more: what arrives at the last moment goes too.
        before_ns = erasure.create_time_ns + (0 if erasure.keep_tokens else self._settle_ns)
        return Scope(erasure.owner or "", before_ns, erasure.keep_tokens)

    async def _write(self, erasure: Erasure) -> Erasure | None:
        return await self._erasures.write(replace(erasure, lease_end_ns=self._now_ns() + to_ns(LEASE)))

    async def _let_go(self, erasure: Erasure | None) -> Erasure | None:
        return None if erasure is None else await self._erasures.write(replace(erasure, lease_end_ns=None))

    async def _end(self, erasure: Erasure) -> Erasure | None:
        ended = replace(erasure, owner=None, pending=None, lease_end_ns=None, end_time_ns=self._now_ns())
        written = await self._erasures.write(ended)
        if written is not None:
            counts = {count.kind: count.documents for count in ended.counts}
            log.info("an owner's erasure is done", extra={"erasure": erasure.id, "documents": counts})
        return written
