"""Removes what a crash left of series: deletions that were begun, and objects that no series names."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress

from services.common.base.errors import DropmeshError
from services.common.base.instants import SECOND_NS
from services.common.objects import Objects
from services.common.series.model import PREFIX
from services.common.series.store import SeriesStore
from services.ingest.series.deletion import SeriesDeletion

LOOKED_AT_MOST = 100
log = logging.getLogger(__name__)


class SeriesSweep:
    """Looks at one page of objects at a time, round and round."""

    def __init__(
        self,
        store: SeriesStore,
        objects: Objects,
        deletion: SeriesDeletion,
        now_ns: Callable[[], int],
        *,
        sweep_seconds: float,
        orphan_seconds: float,
    ) -> None:
        self._store = store
        self._objects = objects
        self._deletion = deletion
        self._now_ns = now_ns
        self._sweep_seconds = sweep_seconds
        self._orphan_ns = round(orphan_seconds * SECOND_NS)

    async def run(self, stopping: asyncio.Event) -> None:
        """Sweeps until the service stops."""
        after: str | None = None
        while not stopping.is_set():
            try:
                await self.finish_deletions()
                after = await self.sweep_objects(after)
            except DropmeshError as error:
                log.warning("the sweep of series goes on later", extra={"cause": str(error)})
            with suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), self._sweep_seconds)

    async def finish_deletions(self) -> None:
        """Deletes the bytes of series whose deletion was begun."""
        for series in await self._store.being_deleted(limit=LOOKED_AT_MOST):
            await self._deletion.finish(series)

    async def sweep_objects(self, after: str | None = None, *, limit: int = 1000) -> str | None:
        """Deletes a page's objects that are old and that no series names; returns where the next page starts."""
        page = await self._objects.list(PREFIX, after=after, limit=limit)
        before_ns = self._now_ns() - self._orphan_ns
        old = [info.key for info in page if info.modified_ns < before_ns]
        found = await self._store.find_many(sorted({_series_of(key) for key in old}))
        named: set[str] = set()
        for series in found.values():
            named |= {chunk.object_key for chunk in series.chunks} | {body.object_key for body in series.bodies}
            named |= {body.object_key async for body in self._store.older_bodies(series)}
        orphans = [key for key in old if key not in named]
        if orphans:
            await self._objects.delete(orphans)
            log.info("objects that no series names are gone", extra={"objects": len(orphans)})
        return page[-1].key if len(page) == limit else None


def _series_of(key: str) -> str:
    return key.removeprefix(PREFIX).partition("/")[0]
