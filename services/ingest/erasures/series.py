"""Series, with their chunks, raw bodies and what was computed of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence

from services.common.catalog import Catalog, Range
from services.common.catalog.documents import from_document
from services.common.erasures.store import Page
from services.common.objects import ObjectInfo, Objects
from services.common.series.computed.store import ComputedStore
from services.common.series.model import Series, object_prefix
from services.common.series.store import SERIES, SeriesStore
from services.ingest.erasures.kinds import Scope, found
from services.ingest.series.deletion import SeriesDeletion

SERIES_AT_ONCE = 10


class SeriesKind:
    """A series goes as its owner would delete it."""

    name = "series"
    collections = (SERIES,)

    def __init__(
        self,
        catalog: Catalog,
        store: SeriesStore,
        computed: ComputedStore,
        objects: Objects,
        deletion: SeriesDeletion,
        now_ns: Callable[[], int],
    ) -> None:
        self._catalog = catalog
        self._store = store
        self._computed = computed
        self._objects = objects
        self._deletion = deletion
        self._now_ns = now_ns

    async def pages(self, scope: Scope) -> AsyncIterator[Page]:
        """See Kind."""
        within = Range(high=scope.before_ns)
        async for page in found(self._catalog, SERIES, "by_owner", (scope.owner,), within, limit=SERIES_AT_ONCE):
            series = [from_document(Series, document) for document in page]
            documents, objects = 0, []
            for one in series:
                documents += 1 + one.body_pages + await self._computed.count(one.id)
                objects += await self._all_objects(one.id)
            keys = tuple(one.id for one in series)
            size_bytes = sum(info.size_bytes for info in objects)
            yield Page(keys, tuple(f"series/{key}" for key in keys), documents, len(objects), size_bytes)

    async def remove(self, keys: Sequence[str]) -> None:
        """See Kind."""
        for key in keys:
            while (series := await self._store.find(key)) is not None:
                # Where an append was faster, it is read again.
                if series.deleting_since_ns is not None or await self._store.begin_deletion(series, self._now_ns()):
                    await self._deletion.finish(series)

    async def _all_objects(self, series_id: str) -> list[ObjectInfo]:
        objects: list[ObjectInfo] = []
        while page := await self._objects.list(object_prefix(series_id), after=objects[-1].key if objects else None):
            objects += page
        return objects
