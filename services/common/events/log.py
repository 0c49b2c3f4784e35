"""The log of events: media and receipts in the order in which they last reached a state, read by an index."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from services.common.catalog import Catalog
from services.common.catalog.documents import from_document
from services.common.drops.receipt import Receipt
from services.common.drops.receipts import RECEIPTS
from services.common.events.model import Changed, EventKind, changed_media, changed_receipt
from services.common.media.model import Media
from services.common.media.store import MEDIA

# Where a reader begins inside the documents of one instant.
FIRST_ID = ""


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far a reader has come: it has all states up to `since_ns`, and all resources up to a place in the log.

    The two differ while a reader that was away catches up: a resource that reached five states meanwhile stands in the
    log once, at the last of them.
    """

    since_ns: int
    at_ns: int
    at_id: str = FIRST_ID

    @classmethod
    def at(cls, time_ns: int) -> Cursor:
        """Of a reader that has everything up to an instant."""
        return cls(time_ns, time_ns)


class EventLog:
    """Reads the log; the cost of a page is that of its documents."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    async def page(
        self, cursor: Cursor, *, owner: str | None, kinds: Iterable[EventKind], limit: int
    ) -> Sequence[Changed]:
        """The resources after a cursor, in the order of the log; fewer than `limit` at its end."""
        found = [changed for kind in kinds for changed in await self._after(kind, cursor, owner, limit)]
        return sorted(found, key=_place)[:limit]

    async def read(self, kind: EventKind, ids: Sequence[str]) -> list[Changed]:
        """These resources, wherever they are in the log, in its order."""
        collection = MEDIA if kind is EventKind.MEDIA else RECEIPTS
        documents = await self._catalog.get_many(collection, ids)
        found = [changed for document in documents.values() if (changed := _changed(kind, document)) is not None]
        return sorted(found, key=_place)

    async def _after(self, kind: EventKind, cursor: Cursor, owner: str | None, limit: int) -> list[Changed]:
        collection, name = (MEDIA, "state_time") if kind is EventKind.MEDIA else (RECEIPTS, "process_time")
        equals = () if owner is None else (owner,)
        documents = await self._catalog.find(
            collection,
            f"by_{name}" if owner is None else f"by_owner_{name}",
            equals,
            after=(*equals, cursor.at_ns, cursor.at_id),
            limit=limit,
        )
        return [changed for document in documents if (changed := _changed(kind, document)) is not None]


def _place(changed: Changed) -> tuple[int, str]:
    return changed.place


def _changed(kind: EventKind, document: dict[str, object]) -> Changed | None:
    if kind is EventKind.MEDIA:
        return changed_media(from_document(Media, document))
    return changed_receipt(from_document(Receipt, document))
