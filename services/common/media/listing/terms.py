"""An index of media by what they have several of: labels, object classes, invites.

A catalog's index is over fields of one value, so each of these is a document of its own. A media's terms are stored
before the media itself says so, and deleted after it: a list reads the media behind each term and leaves out those that
no longer have it, so a term that a crash left behind is harmless, and deleted with the media.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from services.common.catalog import Catalog, Collection, Delete, Index, Upsert
from services.common.catalog.documents import to_document
from services.common.media.model import Media

MEDIA_TERMS = Collection(
    "media_terms",
    (
        Index("by_owner_term", ("owner", "term", "create_time_ns")),
        Index("by_term", ("term", "create_time_ns")),
        Index("by_media", ("media",)),
    ),
)
_PAGE = 1000


@dataclass(frozen=True, slots=True)
class MediaTerm:
    """One term of one media."""

    id: str
    media: str
    owner: str
    term: str
    create_time_ns: int
    version: int = 0


def label_term(name: str, value: str) -> str:
    """The term of a label."""
    return f"label:{name}={value}"


def object_term(object_class: str) -> str:
    """The term of an object's class."""
    return f"object:{object_class}"


def invite_term(invite_id: str) -> str:
    """The term of an invite."""
    return f"invite:{invite_id}"


def terms_of(media: Media) -> frozenset[str]:
    """All terms of a media; a deleted one is in no list that uses them."""
    if media.is_deleted:
        return frozenset()
    return frozenset(
        (
            *(label_term(name, value) for name, value in media.labels.items()),
            *(object_term(name) for name, count in media.object_counts.items() if count),
            *map(invite_term, media.invites),
        )
    )


class MediaTerms:
    """The stored terms."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    async def add(self, media: Media, terms: Iterable[str]) -> None:
        """Stores terms that the media is about to have."""
        if documents := [to_document(_stored(media, term)) for term in sorted(terms)]:
            # The media itself is durable later.
            await self._catalog.batch([Upsert(MEDIA_TERMS, document) for document in documents], durable=False)

    async def remove(self, media: Media, terms: Iterable[str]) -> None:
        """Deletes terms that the media no longer has."""
        if keys := [_key(media.id, term) for term in sorted(terms)]:
            await self._catalog.batch([Delete(MEDIA_TERMS, key) for key in keys])

    async def remove_all(self, media_id: str) -> None:
        """Deletes every term of a media, also those that a crash left."""
        while documents := await self._catalog.find(MEDIA_TERMS, "by_media", (media_id,), limit=_PAGE):
            await self._catalog.batch([Delete(MEDIA_TERMS, document["_id"]) for document in documents])


def _stored(media: Media, term: str) -> MediaTerm:
    return MediaTerm(_key(media.id, term), media.id, media.owner, term, media.create_time_ns)


def _key(media_id: str, term: str) -> str:
    return f"{media_id}/{term}"
