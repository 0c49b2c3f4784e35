"""How long an owner's data are kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from services.common.catalog import Catalog, Collection, Index, Position, change, position
from services.common.catalog.documents import from_document, to_document

RETENTION = Collection("retention", (Index("by_update_time", ("update_time_ns",)),))


@dataclass(frozen=True, slots=True)
class Retention:
    """The settings of one owner, whose name is the id; None keeps for ever."""

    id: str
    owner: str
    update_time_ns: int
    originals_ns: int | None = None
    anonymized_ns: int | None = None
    raw_drops_ns: int | None = None
    measurements_ns: int | None = None
    points_ns: int | None = None
    version: int = 0


class RetentionStore:
    """The settings of all owners."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    async def get(self, owner: str) -> Retention | None:
        """An owner's settings; None where it never set any."""
        document = await self._catalog.get(RETENTION, owner)
        return None if document is None else from_document(Retention, document)

    async def update(self, owner: str, edit: Callable[[Retention], Retention]) -> Retention:
        """Changes an owner's settings, again where another call was faster."""

        def edit_document(document: dict[str, object] | None) -> dict[str, object]:
            stored = Retention(owner, owner, 0) if document is None else from_document(Retention, document)
            return to_document(edit(stored))

        document = await change(self._catalog, RETENTION, owner, edit_document)
        return from_document(Retention, document or {})

    async def page(self, after: Position | None, *, limit: int = 100) -> tuple[list[Retention], Position | None]:
        """A page of the settings of all owners, and where it ended if there are more."""
        documents = await self._catalog.find(RETENTION, "by_update_time", after=after, limit=limit)
        end = position(RETENTION.index("by_update_time"), documents[-1]) if len(documents) == limit else None
        return [from_document(Retention, document) for document in documents], end
