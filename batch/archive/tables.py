"""The tables of the archive: their columns, and the rows of a day."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from batch.scanning import every, groups
from services.common.catalog import Catalog, Range
from services.common.catalog.documents import from_document
from services.common.drops.measurements import LINEAGE, MEASUREMENTS, LineageEntry, Measurement
from services.common.drops.receipts import Receipts
from services.common.media.model import Media
from services.common.media.store import MEDIA
from services.common.media.vocabulary import MediaState
from services.common.series.model import Series
from services.common.series.store import SERIES
from services.common.stores.open import Stores

Row = dict[str, Any]
TEXT, COUNT, NUMBER = pa.string(), pa.int64(), pa.float64()


@dataclass(frozen=True, slots=True)
class Table:
    """A table, and how its rows of a day are found; `owner` is a column of every table."""

    name: str
    columns: Mapping[str, pa.DataType]
    rows: Callable[[Stores, Range], AsyncIterator[Row]]

    @property
    def schema(self) -> pa.Schema:
        """Its Arrow schema."""
        return pa.schema(list(self.columns.items()))


async def _measurements(stores: Stores, day: Range) -> AsyncIterator[Row]:
    async for found in _measurements_of(stores.catalog, day):
        for one in found:
            # `count`, `min` and `max` are functions of SQL.
            yield {
                "owner": one.owner,
                "source": one.source,
                "time_ns": one.time_ns,
                "points": one.count,
                "mean": one.mean,
                "population_stddev": one.population_stddev,
                "sample_stddev": one.sample_stddev,
                "least": one.min,
                "greatest": one.max,
                "receipt": one.receipt,
                "sequence": one.sequence,
                "receive_time_ns": one.receive_time_ns,
                "process_time_ns": one.process_time_ns,
            }


async def _lineage(stores: Stores, day: Range) -> AsyncIterator[Row]:
    receipts = Receipts(stores.catalog, stores.objects)
    async for found in _measurements_of(stores.catalog, day):
        entries = await asyncio.gather(*(_entries(stores.catalog, one) for one in found))
        by_id = await receipts.get_many(sorted({entry.receipt for some in entries for entry in some}))
        for one, some in zip(found, entries, strict=True):
            for entry in some:
                receipt = by_id.get(entry.receipt)
                yield {
                    "owner": one.owner,
                    "source": one.source,
                    "time_ns": one.time_ns,
                    "receipt": entry.receipt,
                    "sequence": entry.sequence,
                    "sha256": receipt.sha256.hex() if receipt else None,
                    "size_bytes": receipt.size_bytes if receipt else None,
                    "receive_time_ns": receipt.receive_time_ns if receipt else None,
                    "code_version": receipt.code_version if receipt else None,
                }


async def _measurements_of(catalog: Catalog, day: Range) -> AsyncIterator[list[Measurement]]:
    async for group in groups(catalog, MEASUREMENTS, "by_time"):
        async for page in every(catalog, MEASUREMENTS, "by_time", group, day):
            yield [from_document(Measurement, document) for document in page]


async def _entries(catalog: Catalog, measurement: Measurement) -> list[LineageEntry]:
    pages = [page async for page in every(catalog, LINEAGE, "by_measurement", (measurement.id,))]
    return [from_document(LineageEntry, document) for page in pages for document in page]


async def _media(stores: Stores, day: Range) -> AsyncIterator[Row]:
    async for media in _media_of(stores.catalog, day):
        counts = media.contribution()
        yield {
            "owner": media.owner,
            "media": media.id,
            "kind": media.kind.value,
            "create_time_ns": media.create_time_ns,
            "state": counts.state,
            "day": counts.day,
            "format": counts.format,
            "camera": counts.camera,
            "storage_bytes": counts.storage_bytes,
            "duplicates": counts.duplicates,
            "duplicate_bytes": counts.duplicate_bytes,
        }


async def _media_objects(stores: Stores, day: Range) -> AsyncIterator[Row]:
    async for media in _media_of(stores.catalog, day):
        for name, count in sorted(media.contribution().objects.items()):
            yield {"owner": media.owner, "media": media.id, "class": name, "amount": count}


async def _media_of(catalog: Catalog, day: Range) -> AsyncIterator[Media]:
    seen: set[str] = set()
    for state in MediaState:
        async for page in every(catalog, MEDIA, "by_state", (state.value,), day):
            for media in (from_document(Media, document) for document in page):
                # One that changes its state meanwhile may be met twice.
                if media.id not in seen:
                    seen.add(media.id)
                    yield media


async def _series(stores: Stores, day: Range) -> AsyncIterator[Row]:
    async for page in every(stores.catalog, SERIES, "by_time", (), day):
        for one in (from_document(Series, document) for document in page):
            if one.deleting_since_ns is None:
                yield {
                    "owner": one.owner,
                    "series": one.id,
                    "display_name": one.display_name,
                    "labels": json.dumps(one.labels, sort_keys=True, ensure_ascii=False),
                    "channels": [channel.name for channel in one.channels],
                    "point_count": one.point_count,
                    "size_bytes": one.size_bytes,
                    "create_time_ns": one.create_time_ns,
                    "update_time_ns": one.update_time_ns,
                    # The points are Parquet already.
                    "objects": [chunk.object_key for chunk in one.chunks],
                }


MEASUREMENT_COLUMNS = {
    "owner": TEXT,
    "source": TEXT,
    "time_ns": COUNT,
    "points": COUNT,
    "mean": NUMBER,
    "population_stddev": NUMBER,
    "sample_stddev": NUMBER,
    "least": NUMBER,
    "greatest": NUMBER,
    "receipt": TEXT,
    "sequence": COUNT,
    "receive_time_ns": COUNT,
    "process_time_ns": COUNT,
}
LINEAGE_COLUMNS = {
    "owner": TEXT,
    "source": TEXT,
    "time_ns": COUNT,
    "receipt": TEXT,
    "sequence": COUNT,
    "sha256": TEXT,
    "size_bytes": COUNT,
    "receive_time_ns": COUNT,
    "code_version": TEXT,
}
MEDIA_COLUMNS = {
    "owner": TEXT,
    "media": TEXT,
    "kind": TEXT,
    "create_time_ns": COUNT,
    "state": TEXT,
    "day": TEXT,
    "format": TEXT,
    "camera": TEXT,
    "storage_bytes": COUNT,
    "duplicates": COUNT,
    "duplicate_bytes": COUNT,
}
SERIES_COLUMNS = {
    "owner": TEXT,
    "series": TEXT,
    "display_name": TEXT,
    "labels": TEXT,
    "channels": pa.list_(TEXT),
    "point_count": COUNT,
    "size_bytes": COUNT,
    "create_time_ns": COUNT,
    "update_time_ns": COUNT,
    "objects": pa.list_(TEXT),
}
TABLES = (
    Table("measurements", MEASUREMENT_COLUMNS, _measurements),
    Table("lineage", LINEAGE_COLUMNS, _lineage),
    Table("media", MEDIA_COLUMNS, _media),
    Table("media_objects", {"owner": TEXT, "media": TEXT, "class": TEXT, "amount": COUNT}, _media_objects),
    Table("series", SERIES_COLUMNS, _series),
)
