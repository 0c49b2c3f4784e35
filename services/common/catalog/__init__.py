"""The catalog port: a small document store with one promise, kept by SQLite and by MongoDB alike.

A document is a plain mapping of BSON values whose `_id` is a string. The catalog adds `_version`: 1 at
insertion, one more at every write.

The promise:
- Acknowledged means durable: when a call returns, what it applied survives kill -9 and power loss. A batch may ask
  for less; see `batch`.
- One document is the unit of atomicity. A batch is not a transaction: each of its operations is applied or
  not on its own, in the order given for operations on the same key and in any order otherwise, and all share
  one durable commit where the adapter can give it.
- Reads see every acknowledged write, by any process.
- An instant is an int64 of nanoseconds; integers of 64 bits, floats, text, bytes, lists and mappings come back
  bit for bit.
- The values of an indexed field are of one kind (None aside), byte strings of one length. Top-level names hold no dot
  and begin with no `$`; those that begin with `_` are the catalog's.
- A document that encodes to more than MAX_DOCUMENT_BYTES, or that BSON cannot hold, raises ValueError or TypeError, and
  nothing of its batch is applied.
- A catalog that cannot be reached raises `StoreUnavailable`, after which an operation may or may not have
  been applied; every operation can be repeated safely by a caller that compares versions or keys.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

MAX_DOCUMENT_BYTES = 16_000_000
Document = dict[str, Any]
Scalar = str | int | float | bool | bytes | None


@dataclass(frozen=True, slots=True)
class Index:
    """An ordered index over top-level fields; `_id` always breaks ties.

    A document that lacks one of the fields (or holds None there) stands outside a unique index, and outside
    a sparse one; in any other index it sorts first.
    """

    name: str
    fields: tuple[str, ...]
    unique: bool = False
    sparse: bool = False


@dataclass(frozen=True, slots=True)
class Collection:
    """A collection's name and indexes, and the field that numbers its insertions, if any.

    The sequence field of a document added by an Insert is set by the catalog: larger than that of every insertion
    acknowledged before this one began. Numbers may have gaps, and of insertions under way at once a higher one may
    show first. Other writes keep the field as it is handed to them.
    """

    name: str
    indexes: tuple[Index, ...] = ()
    sequence: str | None = None

    def index(self, name: str) -> Index:
        """The declared index of this name."""
        return next(index for index in self.indexes if index.name == name)


# Operations and outcomes are never changed, and not frozen: thousands are made a second.
@dataclass(slots=True)
class Insert:
    """Adds a document; refused as EXISTS when its key or a unique index is taken."""

    collection: Collection
    document: Document


@dataclass(slots=True)
class Replace:
    """Replaces the document of the same key where its version is the given one; else, or when it is gone, CONFLICT.

    Refused as EXISTS when another document holds its place in a unique index, as an Upsert and an Increment are.
    """

    collection: Collection
    document: Document
    version: int


@dataclass(slots=True)
class Upsert:
    """Writes a document whether or not its key exists.

    With `newer_by`, a stored document gives way only where its field of that name is smaller than the new
    one's; else STALE.
    """

    collection: Collection
    document: Document
    newer_by: str | None = None


@dataclass(frozen=True, slots=True)
class Increment:
    """Adds to integer fields of a document, which is made when missing; the outcome carries the document after it.

    A field of a unique or sparse index cannot count.
    """

    collection: Collection
    key: str
    amounts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Delete:
    """Removes a document, where its version is the given one if any; else CONFLICT. A missing one counts as removed."""

    collection: Collection
    key: str
    version: int | None = None


Operation = Insert | Replace | Upsert | Increment | Delete


class Refusal(StrEnum):
    """Why an operation was not applied."""

    EXISTS = "exists"
    CONFLICT = "conflict"
    STALE = "stale"


@dataclass(slots=True)
class Outcome:
    """The result of one operation; `document` is what it stored, if it was applied and is no Delete."""

    refusal: Refusal | None = None
    document: Document | None = None

    @property
    def applied(self) -> bool:
        """Whether the operation took effect."""
        return self.refusal is None


@dataclass(frozen=True, slots=True)
class Range:
    """Bounds on the field that follows the equalities of a search: `low` inclusive, `high` exclusive."""

    low: Scalar = None
    high: Scalar = None


Position = tuple[Scalar, ...]
"""Where a page ended: the values of the index's fields in its last document, then its `_id`."""


class Catalog(Protocol):
    """See the module's promise."""

    async def batch(
        self, operations: Sequence[Operation], then: Sequence[Operation] = (), *, durable: bool = True
    ) -> list[Outcome]:
        """Applies each operation on its own and returns their outcomes in order, all durable.

        None of `then` is durable before all of `operations` are; the adapter that can puts both into one commit.
        Without `durable` it survives the end of any process, but a power cut may undo it, unless a later durable batch
        returned: for steps of work that begins anew when they are gone. An adapter may make it durable all the same.
        """
        ...

    async def get(self, collection: Collection, key: str) -> Document | None:
        """The document of this key."""
        ...

    async def get_many(self, collection: Collection, keys: Sequence[str]) -> dict[str, Document]:
        """Those of these keys that exist, by key."""
        ...

    async def find(
        self,
        collection: Collection,
        index: str,
        equals: Sequence[Scalar] = (),
        within: Range | None = None,
        *,
        descending: bool = False,
        after: Position | None = None,
        limit: int = 100,
    ) -> list[Document]:
        """A page in the order of an index: its first fields equal to `equals`, the next in `within`, after a position.

        The cost is that of the page and does not grow with the collection. A position of another search is refused:
        PageTokenInvalid.
        """
        ...

    async def count(
        self, collection: Collection, index: str, equals: Sequence[Scalar] = (), within: Range | None = None
    ) -> int:
        """How many documents such a search has; the cost is a small one for each."""
        ...

    async def state(self) -> Hashable | None:
        """A value that is another one after every write, by any process; None where the adapter knows none."""
        ...

    async def close(self) -> None:
        """Waits for writes under way and closes the connections."""
        ...


def position(index: Index, document: Document) -> Position:
    """Where a page that ends with this document ended."""
    return (*(document.get(field) for field in index.fields), document["_id"])


class PlaceTaken(Exception):
    """Another document holds the place in a unique index that a changed one would need."""


async def change(
    catalog: Catalog,
    collection: Collection,
    key: str,
    edit: Callable[[Document | None], Document | None],
    *,
    first: Callable[[Document], Awaitable[None]] | None = None,
    durable: bool = True,
) -> Document | None:
    """Reads a document, passes it to `edit`, and writes the result, if it did not change in between; else retries.

    `edit` is a plain function, called once for each try. It returns the new document, or None to leave things as they
    are. `first` does what must be durable before the new document is written. `durable` is that of `Catalog.batch`.
    Returns what is stored afterwards; raises PlaceTaken where a unique index refuses that.
    """
    stored = await catalog.get(collection, key)
    while True:
        edited = edit(None if stored is None else dict(stored))
        if edited is None:
            return stored
        if first is not None:
            await first(edited)
        operation = Insert(collection, edited) if stored is None else Replace(collection, edited, stored["_version"])
        (outcome,) = await catalog.batch([operation], durable=durable)
        if outcome.applied:
            return outcome.document
        before, stored = stored, await catalog.get(collection, key)
        if outcome.refusal is Refusal.EXISTS and (before is not None or stored is None):
            raise PlaceTaken(f"{collection.name}/{key}")
