"""Folds what changed into the statistics, in every processor at once if there are several."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from services.common.base.loops import pause
from services.common.statistics.store import StatisticsStore

FOLDED_MOST = 500
# Readers add what is not folded yet, so this may be lazy.
PAUSE_SECONDS = 1.0


class StatisticsFolding:
    """A loop that counts uncounted media."""

    def __init__(self, statistics: StatisticsStore, now_ns: Callable[[], int] = time.time_ns) -> None:
        self._statistics = statistics
        self._now_ns = now_ns

    async def run(self, stopping: asyncio.Event) -> None:
        """Folds until the service stops."""
        while not stopping.is_set():
            folded = await self._statistics.fold(now_ns=self._now_ns(), limit=FOLDED_MOST)
            if folded < FOLDED_MOST:
                await pause(PAUSE_SECONDS, stopping)
