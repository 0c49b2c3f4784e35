"""Walks through collections in the order of an index, a page at a time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from services.common.base.instants import LATEST_NS
from services.common.catalog import Catalog, Collection, Document, Position, Range, Scalar, position

PAGE = 500
# Sorts after every text.
_AFTER_ALL = "\U0010ffff"


async def every(
    catalog: Catalog, collection: Collection, index: str, equals: Sequence[Scalar] = (), within: Range | None = None
) -> AsyncIterator[list[Document]]:
    """Pages of every document of a search. Documents that move to another place of the index may be left out."""
    after: Position | None = None
    while page := await catalog.find(collection, index, equals, within, after=after, limit=PAGE):
        yield page
        after = position(collection.index(index), page[-1])


async def groups(catalog: Catalog, collection: Collection, index: str) -> AsyncIterator[tuple[Scalar, ...]]:
    """The values that an index's fields but the last one have; one look-up each, however many documents have them."""
    fields = collection.index(index).fields[:-1]
    after: Position | None = None
    while found := await catalog.find(collection, index, after=after, limit=1):
        group = tuple(found[0].get(field) for field in fields)
        yield group
        after = (*group, LATEST_NS, _AFTER_ALL)
