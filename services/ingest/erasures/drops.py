"""Kinds of drops: receipts with their raw bytes, lineage, measurements."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from services.common.catalog import Catalog
from services.common.drops.measurements import LINEAGE, MEASUREMENTS, is_lineage_of, lineage_range
from services.common.drops.names import measurement_name
from services.common.drops.receipt import ReceiptState
from services.common.drops.receipts import RECEIPTS
from services.common.erasures.store import Page
from services.common.objects import Objects
from services.ingest.erasures.kinds import Scope, delete, found

SMALL_DOCUMENTS = 500


class ReceiptsKind:
    """Receipts with their raw bytes. The sequence orders them as they came, so all of them are looked at."""

    name = "receipts"
    collections = (RECEIPTS,)

    def __init__(self, catalog: Catalog, objects: Objects) -> None:
        self._catalog = catalog
        self._objects = objects

    async def pages(self, scope: Scope) -> AsyncIterator[Page]:
        """See Kind."""
        async for page in found(self._catalog, RECEIPTS, "by_owner", (scope.owner,)):
            old = [document for document in page if document["receive_time_ns"] < scope.before_ns]
            if not old:
                continue
            keys = tuple(document["_id"] for document in old)
            kept = [document for document in old if document["state"] != ReceiptState.DELETED]
            yield Page(
                keys,
                tuple(f"receipts/{key}" for key in keys),
                len(keys),
                sum(document["object_key"] is not None for document in kept),
                sum(document["size_bytes"] for document in kept),
            )

    async def remove(self, keys: Sequence[str]) -> None:
        """See Kind."""
        stored = await self._catalog.get_many(RECEIPTS, keys)
        objects = [document["object_key"] for document in stored.values() if document["object_key"] is not None]
        if objects:
            await self._objects.delete(objects)
        await delete(self._catalog, RECEIPTS, keys)


class LineageKind:
    """Lineage entries whose receipt is gone."""

    name = "lineage"
    collections = (LINEAGE,)

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    async def pages(self, scope: Scope) -> AsyncIterator[Page]:
        """See Kind."""
        within = lineage_range(scope.owner)
        async for page in found(self._catalog, LINEAGE, "by_measurement", (), within, limit=SMALL_DOCUMENTS):
            mine = [entry for entry in page if is_lineage_of(scope.owner, entry["measurement"])]
            receipts = await self._catalog.get_many(RECEIPTS, sorted({entry["receipt"] for entry in mine}))
            keys = tuple(entry["_id"] for entry in mine if entry["receipt"] not in receipts)
            if keys:
                yield Page(keys, tuple(f"lineage/{key}" for key in keys), len(keys))

    async def remove(self, keys: Sequence[str]) -> None:
        """See Kind."""
        await delete(self._catalog, LINEAGE, keys)


class MeasurementsKind:
    """Measurements whose receipt is gone."""

    name = "measurements"
    collections = (MEASUREMENTS,)

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    async def pages(self, scope: Scope) -> AsyncIterator[Page]:
        """See Kind."""
        async for page in found(self._catalog, MEASUREMENTS, "by_time", (scope.owner,), limit=SMALL_DOCUMENTS):
            old = [one for one in page if one["receive_time_ns"] < scope.before_ns]
            if old:
                keys = tuple(one["_id"] for one in old)
                names = (measurement_name(scope.owner, one["source"], one["time_ns"], scope.owner) for one in old)
                yield Page(keys, tuple(names), len(old))

    async def remove(self, keys: Sequence[str]) -> None:
        """See Kind; one that a later drop has written since stays."""
        stored = await self._catalog.get_many(MEASUREMENTS, keys)
        receipts = await self._catalog.get_many(RECEIPTS, sorted({one["receipt"] for one in stored.values()}))
        await delete(
            self._catalog, MEASUREMENTS, [key for key, one in stored.items() if one["receipt"] not in receipts]
        )
