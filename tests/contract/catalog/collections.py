"""The collections that the catalog's suite works on."""

from __future__ import annotations

from services.common.catalog import Catalog, Collection, Document, Index, Insert, Outcome

NOTES = Collection(
    "notes",
    (
        Index("by_owner", ("owner", "created_ns")),
        Index("by_rank", ("rank",)),
        Index("by_name", ("owner", "name"), unique=True),
        Index("by_deadline", ("deadline_ns",), sparse=True),
    ),
)
EVENTS = Collection("events", (Index("by_number", ("number",)),), sequence="number")
COUNTERS = Collection("counters")
# So many indexes that an adapter may write only those that a change concerns.
CARDS = Collection(
    "cards",
    (
        Index("by_place", ("place",), unique=True),
        *(Index(f"by_{name}", (name,), sparse=True) for name in "abcdefghijkl"),
    ),
)
COLLECTIONS = (NOTES, EVENTS, COUNTERS, CARDS)


async def insert(catalog: Catalog, *documents: Document, collection: Collection = NOTES) -> list[Outcome]:
    """Inserts documents that nothing stands in the way of."""
    outcomes = await catalog.batch([Insert(collection, document) for document in documents])
    assert all(outcome.applied for outcome in outcomes)
    return outcomes
