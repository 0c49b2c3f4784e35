"""Every object that the catalog names, with the length and the hash that it knows of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass

from services.common.catalog import Catalog, Collection, Document, Position, position
from services.common.catalog.documents import from_document
from services.common.contents.store import CONTENTS, Holder, StoredContent
from services.common.drops.receipt import Receipt, ReceiptState
from services.common.drops.receipts import RECEIPTS
from services.common.series.model import Series
from services.common.series.store import SERIES, SeriesStore

PAGE = 200


@dataclass(frozen=True, slots=True)
class NamedObject:
    """An object that a document names."""

    key: str
    size_bytes: int
    sha256: str | None
    """None where the catalog knows no hash of it."""
    document: str
    use: str
    """What it is, for a person."""
    holders: tuple[Holder, ...] = ()


@dataclass(frozen=True, slots=True)
class Kind:
    """The objects that the documents of one collection name."""

    collection: Collection
    index: str
    named: Callable[[Document], Awaitable[list[NamedObject]]]

    async def pages(
        self, catalog: Catalog, after: Position | None
    ) -> AsyncIterator[tuple[Sequence[NamedObject], Position]]:
        """Some objects and the position behind them, page by page; a document that moves meanwhile may come twice."""
        while page := await catalog.find(self.collection, self.index, after=after, limit=PAGE):
            after = position(self.collection.index(self.index), page[-1])
            yield [one for document in page for one in await self.named(document)], after

    async def still_names(self, catalog: Catalog, one: NamedObject) -> bool:
        """Whether the document of an object names it now: what was deleted meanwhile is not missing."""
        document = await catalog.get(self.collection, one.document)
        return document is not None and one.key in {again.key for again in await self.named(document)}


def kinds(catalog: Catalog) -> Sequence[Kind]:
    """The contents of media, the raw bytes of large drops, and the chunks and bodies of series."""
    series_store = SeriesStore(catalog)

    async def of_content(document: Document) -> list[NamedObject]:
        content = from_document(StoredContent, document)
        if content.doomed:
            return []
        use = ", ".join(f"media/{holder.media}" for holder in content.holders)
        return [
            NamedObject(content.object_key, content.size_bytes, content.id, content.id, use, tuple(content.holders))
        ]

    async def of_receipt(document: Document) -> list[NamedObject]:
        receipt = from_document(Receipt, document)
        if receipt.object_key is None or receipt.state is ReceiptState.DELETED:
            return []
        use = f"receipts/{receipt.id}"
        return [NamedObject(receipt.object_key, receipt.size_bytes, receipt.sha256.hex(), receipt.id, use)]

    async def of_series(document: Document) -> list[NamedObject]:
        series = from_document(Series, document)
        use = f"series/{series.id}"
        bodies = [*series.bodies, *[body async for body in series_store.older_bodies(series)]]
        return [
            *(NamedObject(chunk.object_key, chunk.size_bytes, None, series.id, use) for chunk in series.chunks),
            *(NamedObject(body.object_key, body.size_bytes, body.sha256, series.id, use) for body in bodies),
        ]

    return (
        Kind(CONTENTS, "by_object", of_content),
        Kind(RECEIPTS, "by_sequence", of_receipt),
        Kind(SERIES, "by_time", of_series),
    )
