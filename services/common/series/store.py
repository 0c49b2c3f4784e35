"""The series of a mesh in the catalog: one conditional write of a document makes a change of its points visible."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from dropmesh.v1 import error_reason_pb2 as reasons

from services.common.base.errors import Aborted, NotFound
from services.common.base.telemetry import traceparent
from services.common.catalog import (
    Catalog,
    Collection,
    Delete,
    Document,
    Index,
    Insert,
    Position,
    Range,
    Replace,
    Upsert,
    change,
    position,
)
from services.common.catalog.documents import from_document, to_document
from services.common.rpc.identity import Caller
from services.common.series.model import BODIES_KEPT_INLINE, Body, BodyPage, Series, page_key

SERIES = Collection(
    "series",
    (
        Index("by_owner", ("owner", "create_time_ns")),
        Index("by_owner_name", ("owner", "display_name")),
        Index("by_time", ("create_time_ns",)),
        Index("by_name", ("display_name",)),
        Index("deleting", ("deleting_since_ns",), sparse=True),
    ),
)
SERIES_BODIES = Collection("series_bodies", (Index("by_series", ("series",)),))
_PAGE = 500
# Sorts after every text that begins with a prefix.
_AFTER_ALL = "\U0010ffff"


@dataclass(frozen=True, slots=True)
class SeriesFilter:
    """Which series a list holds."""

    labels: Mapping[str, str]
    prefix: str = ""
    start_ns: int | None = None
    end_ns: int | None = None

    @property
    def is_one_index(self) -> bool:
        """Whether an index alone answers it."""
        return not self.labels and not (self.prefix and (self.start_ns is not None or self.end_ns is not None))

    def holds(self, series: Series) -> bool:
        """Whether a series is in the list."""
        return (
            series.deleting_since_ns is None
            and series.display_name.startswith(self.prefix)
            and (self.start_ns is None or series.create_time_ns >= self.start_ns)
            and (self.end_ns is None or series.create_time_ns < self.end_ns)
            and all(series.labels.get(name) == value for name, value in self.labels.items())
        )


class SeriesStore:
    """Finds, lists, adds, changes and removes series."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    async def get(self, caller: Caller, key: str) -> Series:
        """A series of this caller's, or NotFound."""
        return from_document(Series, await self.document(caller, key))

    async def document(self, caller: Caller, key: str) -> Document:
        """The document of a series of this caller's, or NotFound."""
        document = await self._catalog.get(SERIES, key)
        if document is None or document.get("deleting_since_ns") is not None or not caller.owns(document):
            raise series_not_found(key)
        return document

    async def find(self, key: str) -> Series | None:
        """Returns a series of any owner, even one that is being deleted."""
        document = await self._catalog.get(SERIES, key)
        return None if document is None else from_document(Series, document)

    async def find_many(self, keys: Sequence[str]) -> dict[str, Series]:
        """Those of these series that exist."""
        found = await self._catalog.get_many(SERIES, keys)
        return {key: from_document(Series, document) for key, document in found.items()}

    async def listed(
        self, caller: Caller, wanted: SeriesFilter, *, after: Position | None = None, limit: int | None = None
    ) -> AsyncIterator[tuple[Series, Position]]:
        """The series of a list in its order, each with its position; `limit` says how many the caller will take."""
        index, equals, within = _search(caller, wanted)
        size = _PAGE if limit is None or wanted.labels else min(_PAGE, limit)
        while True:
            page = await self._catalog.find(
                SERIES, index.name, equals, within, descending=not wanted.prefix, after=after, limit=size
            )
            for document in page:
                series = from_document(Series, document)
                after = position(index, document)
                if wanted.holds(series):
                    yield series, after
            if len(page) < size:
                return

    async def count(self, caller: Caller, wanted: SeriesFilter) -> int:
        """How many series a list has."""
        if not wanted.is_one_index:
            return sum([1 async for _ in self.listed(caller, wanted)])
        index, equals, within = _search(caller, wanted)
        return await self._catalog.count(SERIES, index.name, equals, within)

    async def has_any(self) -> bool:
        """Whether any owner has a series."""
        return bool(await self._catalog.find(SERIES, "by_time", limit=1))

    async def add(self, series: Series) -> bool:
        """Adds a series; False where its key is taken."""
        (outcome,) = await self._catalog.batch([Insert(SERIES, _traced_document(series))])
        return outcome.applied

    async def replace(self, series: Series) -> Series | None:
        """Writes a series where it is still as it was read; None where it is not."""
        if len(series.bodies) > BODIES_KEPT_INLINE:
            series = await self._with_fewer_bodies(series)
        (outcome,) = await self._catalog.batch([Replace(SERIES, _traced_document(series), series.version)])
        return from_document(Series, outcome.document) if outcome.document is not None else None

    async def change(self, caller: Caller, key: str, edit: Callable[[Series], Series | None]) -> Series:
        """Changes a series of this caller's, again where another was faster."""

        def edit_document(document: dict[str, Any] | None) -> dict[str, Any] | None:
            series = None if document is None else from_document(Series, document)
            if series is None or series.deleting_since_ns is not None or not caller.may_use(series.owner):
                raise series_not_found(key)
            edited = edit(series)
            return None if edited is None else to_document(edited)

        document = await change(self._catalog, SERIES, key, edit_document)
        if document is None:
            raise AssertionError("a series that is edited is there")
        return from_document(Series, document)

    async def begin_deletion(self, series: Series, now_ns: int) -> bool:
        """Hides a series from all readers; False if it changed since it was read."""
        hidden = replace(series, owner="", display_name="", labels={}, deleting_since_ns=now_ns)
        return await self.replace(hidden) is not None

    async def remove(self, series: Series) -> None:
        """Removes what the catalog holds of a series whose objects are gone."""
        pages = [page_key(series.id, page) for page in range(series.body_pages)]
        await self._catalog.batch([*(Delete(SERIES_BODIES, key) for key in pages), Delete(SERIES, series.id)])

    async def being_deleted(self, *, limit: int) -> list[Series]:
        """Series whose deletion has begun."""
        found = await self._catalog.find(SERIES, "deleting", limit=limit)
        return [from_document(Series, document) for document in found]

    async def older_bodies(self, series: Series) -> AsyncIterator[Body]:
        """The bodies that stand in pages, newest first."""
        for page in reversed(range(series.body_pages)):
            document = await self._catalog.get(SERIES_BODIES, page_key(series.id, page))
            if document is not None:
                for body in reversed(from_document(BodyPage, document).bodies):
                    yield body

    async def drop_pages(self, series: Series) -> None:
        """Removes the pages of older bodies."""
        keys = [page_key(series.id, page) for page in range(series.body_pages)]
        await self._catalog.batch([Delete(SERIES_BODIES, key) for key in keys])

    async def _with_fewer_bodies(self, series: Series) -> Series:
        # Each process would write the same page, and no reader uses it before the series' document counts it.
        half = BODIES_KEPT_INLINE // 2
        page = BodyPage(page_key(series.id, series.body_pages), series.id, series.bodies[:half])
        await self._catalog.batch([Upsert(SERIES_BODIES, to_document(page))])
        return replace(series, bodies=series.bodies[half:], body_pages=series.body_pages + 1)


def _traced_document(series: Series) -> Document:
    """The document of a series whose points this call stores."""
    return to_document(replace(series, traceparent=traceparent.get()))


def _search(caller: Caller, wanted: SeriesFilter) -> tuple[Index, tuple[str, ...], Range | None]:
    equals = () if caller.is_admin else (caller.owner,)
    if wanted.prefix:
        within = Range(wanted.prefix, wanted.prefix + _AFTER_ALL)
        return SERIES.index("by_name" if caller.is_admin else "by_owner_name"), equals, within
    within_time = Range(wanted.start_ns, wanted.end_ns)
    return SERIES.index("by_time" if caller.is_admin else "by_owner"), equals, within_time


def series_not_found(key: str) -> NotFound:
    """There is no such series, or it is another owner's."""
    name = f"series/{key}"
    return NotFound(reasons.SERIES_NOT_FOUND, f"{name}: there is no such series", metadata={"name": name})


def series_contended(key: str) -> Aborted:
    """Others were faster too often."""
    name = f"series/{key}"
    return Aborted(
        reasons.SERIES_CONTENDED, f"{name}: other calls keep changing this series; retry", metadata={"name": name}
    )
