"""Removes the bytes of large drops whose receipt was never stored: their call died in between, unanswered."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from services.common.base.instants import SECOND_NS
from services.common.base.loops import pause
from services.common.drops.receipts import Receipts


class DropLeftovers:
    """Looks at one page of objects at a time, round and round."""

    def __init__(
        self, receipts: Receipts, now_ns: Callable[[], int], *, sweep_seconds: float, orphan_seconds: float
    ) -> None:
        self._receipts = receipts
        self._now_ns = now_ns
        self._sweep_seconds = sweep_seconds
        self._orphan_seconds = orphan_seconds

    async def run(self, stopping: asyncio.Event) -> None:
        """Sweeps at intervals, until `stopping` is set."""
        after: str | None = None
        while not stopping.is_set():
            before_ns = self._now_ns() - round(self._orphan_seconds * SECOND_NS)
            after = await self._receipts.sweep_objects(before_ns, after=after)
            await pause(self._sweep_seconds, stopping)
