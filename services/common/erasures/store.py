"""Erasures: the removal of all that an owner has, step by step, and afterwards the certificate of what was removed.

The pages of an erasure are counted before they are removed: the write that counts a page also notes it as pending, so
that a process that dies in between leaves a page that the next one removes and does not count again. The certificate
names no owner, and nothing that the owner named.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from dropmesh.v1 import error_reason_pb2 as reasons

from services.common.base.errors import NotFound
from services.common.catalog import Catalog, Collection, Index, Insert, Position, Range, Replace, position
from services.common.catalog.documents import from_document, to_document

ERASURES = Collection(
    "erasures",
    (
        # An owner has one erasure that runs: a finished one has no owner, and stands outside this index.
        Index("running", ("owner",), unique=True),
        Index("by_time", ("create_time_ns",)),
    ),
)
NO_NAMES = bytes(32)


@dataclass(frozen=True, slots=True)
class Count:
    """How much of one kind was removed."""

    kind: str
    documents: int = 0
    objects: int = 0
    size_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Page:
    """Some resources of one kind that are to be removed: their keys, their names in the contract, how much they are."""

    keys: tuple[str, ...]
    names: tuple[str, ...]
    documents: int
    objects: int = 0
    size_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Pending:
    """A page that is counted and may not be removed yet."""

    kind: str
    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Erasure:
    """One owner's erasure. It runs while it has an owner."""

    id: str
    owner: str | None
    keep_tokens: bool
    create_time_ns: int
    end_time_ns: int | None = None
    counts: tuple[Count, ...] = ()
    names_sha256: bytes = NO_NAMES
    pending: Pending | None = None
    lease_end_ns: int | None = None
    """Until when a worker has it."""
    version: int = 0

    def counted(self, kind: str, page: Page) -> Erasure:
        """This erasure with a page counted, which is pending from now on."""
        before = next((count for count in self.counts if count.kind == kind), None)
        found = before or Count(kind)
        after = Count(
            kind,
            found.documents + page.documents,
            found.objects + page.objects,
            found.size_bytes + page.size_bytes,
        )
        counts = tuple(after if count is before else count for count in self.counts)
        return replace(
            self,
            counts=counts if before is not None else (*counts, after),
            names_sha256=folded(self.names_sha256, page.names),
            pending=Pending(kind, page.keys),
        )


def folded(digest: bytes, names: Sequence[str]) -> bytes:
    """The hash of a list of names: that of the list before, then of each name, hashed again and again."""
    for name in names:
        digest = hashlib.sha256(digest + name.encode()).digest()
    return digest


class Erasures:
    """The erasures of a mesh."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    async def begin(self, new: Erasure) -> Erasure:
        """Stores an erasure; returns the owner's running one where there is one already."""
        while True:
            (outcome,) = await self._catalog.batch([Insert(ERASURES, to_document(new))])
            if outcome.document is not None:
                return from_document(Erasure, outcome.document)
            running = await self._catalog.find(ERASURES, "running", (new.owner,), limit=1)
            if running:
                return from_document(Erasure, running[0])

    async def get(self, erasure_id: str) -> Erasure:
        """An erasure, or NotFound."""
        document = await self._catalog.get(ERASURES, erasure_id)
        if document is None:
            name = f"erasures/{erasure_id}"
            raise NotFound(reasons.ERASURE_NOT_FOUND, f"there is no {name}", metadata={"name": name})
        return from_document(Erasure, document)

    async def newest(self, *, after: Position | None, limit: int) -> tuple[list[Erasure], Position | None]:
        """A page of erasures, newest first, and where it ended if there are more."""
        documents = await self._catalog.find(ERASURES, "by_time", descending=True, after=after, limit=limit + 1)
        end = position(ERASURES.index("by_time"), documents[limit - 1]) if len(documents) > limit else None
        return [from_document(Erasure, document) for document in documents[:limit]], end

    async def running(self, *, limit: int = 100) -> list[Erasure]:
        """Erasures that are not done."""
        documents = await self._catalog.find(ERASURES, "running", within=Range(low=""), limit=limit)
        return [from_document(Erasure, document) for document in documents]

    async def ended_since(self, start_ns: int) -> bool:
        """Whether an erasure ended after an instant."""
        after: Position | None = None
        while True:
            some, after = await self.newest(after=after, limit=100)
            if any(one.end_time_ns is not None and one.end_time_ns >= start_ns for one in some):
                return True
            if after is None:
                return False

    async def write(self, erasure: Erasure) -> Erasure | None:
        """Stores an erasure as it was read and changed; None where another process changed it meanwhile."""
        (outcome,) = await self._catalog.batch([Replace(ERASURES, to_document(erasure), erasure.version)])
        return None if outcome.document is None else from_document(Erasure, outcome.document)
