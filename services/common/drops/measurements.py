"""Measurements by owner, source and instant, and the lineage of each: every receipt that wrote it.

Both are written again and again by workers that do not know of each other, in any order: a measurement gives way to a
newer receipt alone, and a lineage entry is the same however often it is written.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from dropmesh.v1 import error_reason_pb2 as reasons

from services.common.base.errors import NotFound
from services.common.base.etags import etag_of
from services.common.catalog import (
    Catalog,
    Collection,
    Delete,
    Document,
    Index,
    Insert,
    Operation,
    Outcome,
    Position,
    Range,
    Upsert,
    position,
)
from services.common.catalog.documents import from_document, to_document
from services.common.drops.names import NamedMeasurement, measurement_name
from services.common.rpc.identity import Caller

MEASUREMENTS = Collection(
    "measurements", (Index("by_time", ("owner", "time_ns")), Index("by_source", ("owner", "source", "time_ns")))
)
LINEAGE = Collection("lineage", (Index("by_measurement", ("measurement", "sequence")),))
# Larger batches hold the catalog for too long against others.
_BATCH = 500
_PAGE = 1000
# Searches under way at once.
_AT_ONCE = 50
_MANY = 4000


# Neither is ever changed, and neither is frozen: see Receipt.
@dataclass(slots=True)
class Measurement:
    """The aggregate of the last received drop of an instant; `source` is empty for drops without one."""

    id: str
    owner: str
    source: str
    time_ns: int
    count: int
    mean: float
    population_stddev: float
    sample_stddev: float | None
    min: float
    max: float
    receipt: str
    sequence: int
    receive_time_ns: int
    process_time_ns: int
    version: int = 0

    @property
    def etag(self) -> str:
        """The etag of this state: one that was deleted and dropped again has its old version, but another sequence."""
        return etag_of(f"{self.sequence}.{self.version}")


@dataclass(slots=True)
class LineageEntry:
    """States that a receipt wrote a measurement; the receipt holds the rest."""

    id: str
    measurement: str
    receipt: str
    sequence: int


class Measurements:
    """The measurements of a mesh: one for each owner, source and instant."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    async def get(self, caller: Caller, named: NamedMeasurement) -> Measurement:
        """The measurement that a name names, or NotFound: also where the caller may not read it."""
        document = None
        if caller.may_use(named.owner):
            key = measurement_key(named.owner, named.source, named.time_ns)
            document = await self._catalog.get(MEASUREMENTS, key)
        if document is None:
            name = measurement_name(named.owner, named.source, named.time_ns, caller.owner)
            raise NotFound(reasons.MEASUREMENT_NOT_FOUND, f"{name} does not exist", metadata={"name": name})
        return from_document(Measurement, document)

    async def get_many(self, owner: str, source: str, times_ns: Sequence[int]) -> list[Measurement]:
        """The measurements of these instants, in their order, without those that are not there."""
        keys = [measurement_key(owner, source, time_ns) for time_ns in times_ns]
        found = await self._catalog.get_many(MEASUREMENTS, keys)
        return [from_document(Measurement, found[key]) for key in keys if key in found]

    async def by_time(
        self, owner: str, source: str | None, within: Range, *, descending: bool, after: Position | None, limit: int
    ) -> tuple[list[Measurement], Position | None]:
        """A page of the measurements of one source, or with None of all, and where it ended if there are more."""
        documents, end = await self.stored_by_time(
            owner, source, within, descending=descending, after=after, limit=limit
        )
        return [from_document(Measurement, document) for document in documents], end

    async def stored_by_time(
        self, owner: str, source: str | None, within: Range, *, descending: bool, after: Position | None, limit: int
    ) -> tuple[list[Document], Position | None]:
        """The same as documents, for a caller who may not need a model of each."""
        index = MEASUREMENTS.index("by_time" if source is None else "by_source")
        equals = (owner,) if source is None else (owner, source)
        documents = await self._catalog.find(
            MEASUREMENTS, index.name, equals, within, descending=descending, after=after, limit=limit + 1
        )
        end = position(index, documents[limit - 1]) if len(documents) > limit else None
        return documents[:limit], end

    async def all_by_time(
        self, owner: str, source: str | None, within: Range, *, descending: bool
    ) -> AsyncIterator[list[Measurement]]:
        """Every measurement of a time range, in pages."""
        after: Position | None = None
        while True:
            page, after = await self.by_time(owner, source, within, descending=descending, after=after, limit=_PAGE)
            yield page
            if after is None:
                return

    async def pages(
        self, owner: str, source: str, within: Range, *, descending: bool = False
    ) -> AsyncIterator[list[Document]]:
        """The stored measurements of a source by time, in pages: for many, a model of each would take half the time."""
        index = MEASUREMENTS.index("by_source")
        after: Position | None = None
        while page := await self._catalog.find(
            MEASUREMENTS, index.name, (owner, source), within, descending=descending, after=after, limit=_MANY
        ):
            yield page
            if len(page) < _MANY:
                return
            after = position(index, page[-1])

    async def count(self, owner: str, source: str, within: Range) -> int:
        """How many measurements of a source a time range holds."""
        return await self._catalog.count(MEASUREMENTS, "by_source", (owner, source), within)

    async def lineage(
        self, measurement: Measurement, *, after: Position | None, limit: int
    ) -> tuple[list[LineageEntry], Position | None]:
        """A page of the receipts that wrote a measurement, newest first, and where it ended if there are more."""
        documents = await self._catalog.find(
            LINEAGE, "by_measurement", (measurement.id,), descending=True, after=after, limit=limit + 1
        )
        end = position(LINEAGE.index("by_measurement"), documents[limit - 1]) if len(documents) > limit else None
        return [from_document(LineageEntry, document) for document in documents[:limit]], end

    async def delete(self, measurements: Sequence[Measurement]) -> int:
        """Deletes measurements as they were read, each after its lineage; returns how many.

        One that a later drop wrote meanwhile stays, with that drop's lineage.
        """
        for start in range(0, len(measurements), _AT_ONCE):
            await asyncio.gather(*map(self._delete_lineage, measurements[start : start + _AT_ONCE]))
        outcomes: list[Outcome] = []
        for start in range(0, len(measurements), _BATCH):
            some = measurements[start : start + _BATCH]
            outcomes += await self._catalog.batch([Delete(MEASUREMENTS, one.id, one.version) for one in some])
        return sum(outcome.applied for outcome in outcomes)

    async def _delete_lineage(self, measurement: Measurement) -> None:
        until = Range(high=measurement.sequence + 1)
        while entries := await self._catalog.find(LINEAGE, "by_measurement", (measurement.id,), until, limit=_BATCH):
            await self._catalog.batch([Delete(LINEAGE, entry["_id"]) for entry in entries])

    async def write(self, measurements: Sequence[Measurement], then: Sequence[Operation] = ()) -> list[Outcome]:
        """Writes measurements with their lineage; a stored newer one stays. Repeating it changes nothing.

        `then` is applied once they are durable, or in their commit; returns its outcomes.
        """
        newest: dict[str, Measurement] = {}
        operations: list[Operation] = []
        for one in measurements:
            operations.append(Insert(LINEAGE, to_document(lineage_entry(one))))
            rival = newest.get(one.id)
            if rival is None or rival.sequence < one.sequence:
                newest[one.id] = one
        operations += [Upsert(MEASUREMENTS, to_document(one), newer_by="sequence") for one in newest.values()]
        while len(operations) > _BATCH:
            await self._catalog.batch(operations[:_BATCH])
            del operations[:_BATCH]
        outcomes = await self._catalog.batch(operations, then)
        return outcomes[len(operations) :]


def measurement_key(owner: str, source: str, time_ns: int) -> str:
    """The key of a measurement; an owner may have a slash, a source has none."""
    return f"{owner}/{source}/{time_ns}"


def lineage_range(owner: str) -> Range:
    """Where the measurements of an owner's lineage entries are; an owner whose name begins so may be among them."""
    return Range(f"{owner}/", f"{owner}0")


def is_lineage_of(owner: str, measurement: str) -> bool:
    """Whether the key of a measurement is one of this owner's."""
    return measurement.rsplit("/", 2)[0] == owner


def lineage_entry(measurement: Measurement) -> LineageEntry:
    """Returns the entry that this measurement was written by its receipt."""
    return LineageEntry(
        f"{measurement.receipt}/{measurement.time_ns}", measurement.id, measurement.receipt, measurement.sequence
    )
