"""Pages of media: read in the order of one index, the one that leaves the fewest media to look at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from services.common.catalog import Catalog, Collection, Document, Index, Position, Range, position
from services.common.catalog.documents import from_document
from services.common.media.listing.filters import MediaFilter, MediaOrder
from services.common.media.listing.terms import MEDIA_TERMS
from services.common.media.model import Media
from services.common.media.store import MEDIA
from services.common.media.vocabulary import MediaState
from services.common.rpc.identity import Caller

SCANNED_MOST = 200
"""A page looks at no more media than this and its own size; where all filters at once leave few, it is short."""
# Sorts after every text that begins with a prefix.
_AFTER_ALL = "\U0010ffff"


@dataclass(frozen=True, slots=True)
class MediaPage:
    """Some media, and where the next page starts, if there is more."""

    media: list[Media]
    end: Position | None


@dataclass(frozen=True, slots=True)
class _Search:
    """A search of an index; `is_whole` where all that it finds is listed, save a media that changed meanwhile."""

    collection: Collection
    index: Index
    equals: tuple[str, ...]
    within: Range
    is_whole: bool


class MediaLists:
    """Lists of media."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    async def page(self, caller: Caller, wanted: MediaFilter, *, after: Position | None, limit: int) -> MediaPage:
        """A page of the media that the caller sees."""
        search = _search_for(wanted, wanted.owner or (None if caller.is_admin else caller.owner))
        asked = limit + 1 if search.is_whole else max(limit + 1, SCANNED_MOST)
        found = await self._catalog.find(
            search.collection,
            search.index.name,
            search.equals,
            search.within,
            descending=wanted.order is MediaOrder.NEWEST,
            after=after,
            limit=asked,
        )
        page: list[Media] = []
        for document, media in zip(found, await self._media(search.collection, found), strict=True):
            if media is not None and wanted.accepts(media) and (caller.is_admin or media.owner == caller.owner):
                if len(page) == limit:
                    return MediaPage(page, after)
                page.append(media)
            after = position(search.index, document)
        return MediaPage(page, None if len(found) < asked else after)

    async def _media(self, collection: Collection, found: Sequence[Document]) -> list[Media | None]:
        if collection is MEDIA:
            return [from_document(Media, document) for document in found]
        there = await self._catalog.get_many(MEDIA, [document["media"] for document in found])
        documents = [there.get(document["media"]) for document in found]
        return [None if document is None else from_document(Media, document) for document in documents]


def _search_for(wanted: MediaFilter, owner: str | None) -> _Search:
    """The search that looks at the fewest media. Deleted ones stand in the indexes of states alone."""
    whose = {} if owner is None else {"owner": owner}
    within = Range(wanted.start_ns, wanted.end_ns)
    given = {
        name
        for name in ("state", "kind", "camera_model", "sha256", "filename_prefix", "terms")
        if getattr(wanted, name)
    }
    if wanted.order is MediaOrder.FILENAME:
        prefix = wanted.filename_prefix
        names = Range(prefix, prefix + _AFTER_ALL) if prefix else Range()
        is_whole = given <= {"filename_prefix"} and within == Range()
        return _of_media({**whose, "filename": None}, names, is_whole=is_whole)
    if wanted.state is not MediaState.DELETED:
        if wanted.sha256 is not None:
            return _of_media({**whose, "sha256": wanted.sha256}, within, is_whole=given == {"sha256"})
        if wanted.terms:
            term = wanted.terms[0]
            name = "by_owner_term" if whose else "by_term"
            is_whole = given == {"terms"} and len(wanted.terms) == 1
            return _Search(MEDIA_TERMS, MEDIA_TERMS.index(name), (*whose.values(), term), within, is_whole)
    fields = {"state": wanted.state, "kind": wanted.kind, "camera": wanted.camera_model}
    equals = {name: str(value) for name, value in fields.items() if value is not None}
    is_whole = given <= {"state", "kind", "camera_model"} and len(equals) < 3
    if len(equals) == 3:
        # No index has all three.
        del equals["kind"]
    return _of_media({**whose, **equals}, within, is_whole=is_whole)


def _of_media(fields: dict[str, str | None], within: Range, *, is_whole: bool) -> _Search:
    index = MEDIA.index(f"by_{'_'.join(fields) or 'time'}")
    equals = tuple(value for value in fields.values() if value is not None)
    return _Search(MEDIA, index, equals, within, is_whole)
