"""The kinds of resources that an owner's erasure removes. A collection that names owners needs a kind here."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from services.common.catalog import Catalog, Collection, Delete, Document, Position, Range, position
from services.common.erasures.store import Page

PAGE = 100


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose resources are erased, and which: those that arrived before an instant."""

    owner: str
    before_ns: int
    keep_tokens: bool


class Kind(Protocol):
    """One kind of resource. Removing a page can be repeated, and may find some of it gone."""

    @property
    def name(self) -> str:
        """The kind's word in the certificate."""
        ...

    @property
    def collections(self) -> Sequence[Collection]:
        """The collections of its documents that name an owner."""
        ...

    def pages(self, scope: Scope) -> AsyncIterator[Page]:
        """The pages to be removed, counted; each is removed before the next is asked for."""
        ...

    async def remove(self, keys: Sequence[str]) -> None:
        """Removes a page; durable when it returns."""
        ...


async def found(
    catalog: Catalog,
    collection: Collection,
    index: str,
    equals: Sequence[str],
    within: Range | None = None,
    *,
    limit: int = PAGE,
) -> AsyncIterator[list[Document]]:
    """The documents of a search in pages; those of a page may be removed before the next is asked for."""
    after: Position | None = None
    while True:
        page = await catalog.find(collection, index, equals, within, after=after, limit=limit)
        if page:
            yield page
            after = position(collection.index(index), page[-1])
        if len(page) < limit:
            return


async def delete(catalog: Catalog, collection: Collection, keys: Sequence[str]) -> None:
    """Deletes documents."""
    await catalog.batch([Delete(collection, key) for key in keys])
