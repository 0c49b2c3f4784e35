"""Deletes whole series; what is deleted is gone when it is acknowledged."""

from __future__ import annotations

from collections.abc import Callable

from services.common.objects import Objects
from services.common.rpc.identity import Caller
from services.common.series.computed.store import ComputedStore
from services.common.series.messages import check_etag
from services.common.series.model import Series, object_prefix
from services.common.series.store import SeriesStore, series_contended, series_not_found

TRIES = 10


class SeriesDeletion:
    """Hides a series, deletes its objects, then the last that the catalog holds of it; each step can be repeated."""

    def __init__(
        self, store: SeriesStore, computed: ComputedStore, objects: Objects, now_ns: Callable[[], int]
    ) -> None:
        self._store = store
        self._computed = computed
        self._objects = objects
        self._now_ns = now_ns

    async def delete(self, caller: Caller, series_id: str, etag: str, *, allow_missing: bool = False) -> None:
        """Deletes a series of this caller's; NotFound where there is none, unless that is allowed."""
        for _ in range(TRIES):
            series = await self._store.find(series_id)
            if series is None or (series.deleting_since_ns is None and not caller.may_use(series.owner)):
                if allow_missing:
                    return
                raise series_not_found(series_id)
            if series.deleting_since_ns is None:
                check_etag(series, etag)
                if not await self._store.begin_deletion(series, self._now_ns()):
                    continue
            await self.finish(series)
            return
        raise series_contended(series_id)

    async def finish(self, series: Series) -> None:
        """Deletes the objects of a series whose deletion has begun, then its document."""
        await self._delete_objects(series)
        await self._computed.forget(series.id)
        await self._store.remove(series)

    async def _delete_objects(self, series: Series) -> None:
        after: str | None = None
        while page := await self._objects.list(object_prefix(series.id), after=after):
            after = page[-1].key
            await self._objects.delete([info.key for info in page])
