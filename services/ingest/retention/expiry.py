"""Deletes measurements and points of series that their owner keeps no longer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from services.common.base.errors import Aborted, NotFound
from services.common.base.instants import EARLIEST_NS, SECOND_NS
from services.common.catalog import Range
from services.common.drops.measurements import Measurements
from services.common.rpc.identity import Caller
from services.common.series.model import Series
from services.common.series.store import SeriesFilter, SeriesStore
from services.ingest.series.deletion import SeriesDeletion

if TYPE_CHECKING:
    from services.ingest.series.point_deletion import PointDeletion

MEASUREMENTS_AT_ONCE = 500
# Every series of the owner is read, and the oldest chunk of those that have old points is written anew.
LOOK_NS = 3600 * SECOND_NS


class MeasurementExpiry:
    """Deletes measurements by their instant."""

    def __init__(self, measurements: Measurements) -> None:
        self._measurements = measurements

    async def expire(self, owner: str, before_ns: int, stopping: asyncio.Event) -> int:
        """Deletes an owner's measurements before an instant; returns how many."""
        deleted, more = 0, True
        while more and not stopping.is_set():
            page, end = await self._measurements.by_time(
                owner, None, Range(high=before_ns), descending=False, after=None, limit=MEASUREMENTS_AT_ONCE
            )
            # One that a drop writes meanwhile is left to the next round.
            gone = await self._measurements.delete(page)
            deleted += gone
            more = end is not None and gone > 0
        return deleted


class PointExpiry:
    """Deletes points of series by their instant, and a series with its last one."""

    def __init__(
        self, store: SeriesStore, points: Callable[[], Awaitable[PointDeletion]], deletion: SeriesDeletion
    ) -> None:
        self._store = store
        self._points = points
        self._deletion = deletion
        self._next_look_ns: dict[str, int] = {}

    async def expire(self, owner: str, before_ns: int, now_ns: int, stopping: asyncio.Event) -> int:
        """Deletes an owner's points before an instant, once an hour; returns how many."""
        if now_ns < self._next_look_ns.get(owner, now_ns):
            return 0
        caller, deleted = Caller(owner, owner, frozenset()), 0
        async for series, _ in self._store.listed(caller, SeriesFilter({})):
            if stopping.is_set():
                return deleted
            if series.ends is not None and series.ends[0] < before_ns:
                try:
                    deleted += await self._expire(caller, series, before_ns, now_ns)
                except (Aborted, NotFound):
                    # Appended to without a pause, or deleted by its owner: the next look sees what is left.
                    continue
        self._next_look_ns[owner] = now_ns + LOOK_NS
        return deleted

    async def _expire(self, caller: Caller, series: Series, before_ns: int, now_ns: int) -> int:
        if series.chunks[-1].last_ns < before_ns and await self._store.begin_deletion(series, now_ns):
            await self._deletion.finish(series)
            return series.point_count
        points = await self._points()
        left = await points.delete(caller, series.id, EARLIEST_NS, before_ns)
        return max(0, series.point_count - left.point_count)
