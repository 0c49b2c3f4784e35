"""Folds what changed into the statistics, in every processor at once if there are several."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence

from services.common.base.loops import pause
from services.common.catalog import Catalog
from services.common.catalog.writes_seen import WritesSeen
from services.common.media.model import Media
from services.common.statistics.store import StatisticsStore
from services.common.tracing import Tracing

FOLDED_MOST = 500
# Readers add what is not folded yet, so this may be lazy.
PAUSE_SECONDS = 1.0


class StatisticsFolding:
    """A loop that counts uncounted media."""

    def __init__(
        self, catalog: Catalog, now_ns: Callable[[], int] = time.time_ns, tracing: Tracing | None = None
    ) -> None:
        self._catalog = catalog
        self._statistics = StatisticsStore(catalog)
        self._now_ns = now_ns
        self._tracing = tracing or Tracing()

    async def run(self, stopping: asyncio.Event) -> None:
        """Folds until the service stops."""
        writes = WritesSeen(self._catalog)
        while not stopping.is_set():
            has_more = await writes.are_new() and await self._fold()
            if not has_more:
                await pause(PAUSE_SECONDS, stopping)

    async def _fold(self) -> bool:
        began_ns = self._now_ns()
        folded = await self._statistics.fold(now_ns=began_ns, limit=FOLDED_MOST)
        if self._tracing.is_on:
            self._trace(folded, began_ns)
        return len(folded) == FOLDED_MOST

    def _trace(self, folded: Sequence[Media], began_ns: int) -> None:
        end_ns = self._now_ns()
        for media in folded:
            self._tracing.worked(
                "statistics",
                media.traceparent,
                since_ns=media.uncounted_since_ns or began_ns,
                start_ns=began_ns,
                end_ns=end_ns,
                media=media.id,
                processed_together=len(folded),
            )
