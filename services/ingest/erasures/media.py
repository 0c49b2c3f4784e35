"""Media: records, contents, detected objects, and their part of the statistics. Thumbnails are drawn when asked for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence

from services.common.base.errors import StoreUnavailable
from services.common.catalog import Catalog, Range
from services.common.catalog.documents import from_document
from services.common.contents.store import Contents
from services.common.erasures.store import Page
from services.common.media import transitions
from services.common.media.detected_objects import MediaObjects
from services.common.media.listing.terms import MEDIA_TERMS
from services.common.media.messages import media_name
from services.common.media.model import Content, Media
from services.common.media.store import MEDIA, MediaStore
from services.common.media.vocabulary import MediaState
from services.common.statistics.store import StatisticsStore
from services.ingest.erasures.kinds import Scope, delete, found
from services.ingest.media.cleaning import MediaCleaning

MEDIA_AT_ONCE = 50
COUNTED_PAUSE_SECONDS = 0.05
COUNTED_TRIES = 400


class MediaTermsKind:
    """Terms whose media was never stored, or is gone."""

    name = "media_terms"
    collections = (MEDIA_TERMS,)

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    async def pages(self, scope: Scope) -> AsyncIterator[Page]:
        """See Kind."""
        async for page in found(self._catalog, MEDIA_TERMS, "by_owner_term", (scope.owner,)):
            media = await self._catalog.get_many(MEDIA, sorted({term["media"] for term in page}))
            old = [term for term in page if term["media"] not in media and term["create_time_ns"] < scope.before_ns]
            if old:
                # A term may hold a label: the names are those of the media.
                names = tuple(f"{media_name(term['media'])}/terms" for term in old)
                yield Page(tuple(term["_id"] for term in old), names, len(old))

    async def remove(self, keys: Sequence[str]) -> None:
        """See Kind."""
        await delete(self._catalog, MEDIA_TERMS, keys)


class MediaKind:
    """A media is deleted as its owner would do it, and purged as soon as the statistics count it no more."""

    name = "media"
    collections = (MEDIA,)

    def __init__(
        self,
        catalog: Catalog,
        media: MediaStore,
        contents: Contents,
        objects: MediaObjects,
        cleaning: MediaCleaning,
        statistics: StatisticsStore,
        now_ns: Callable[[], int],
    ) -> None:
        self._catalog = catalog
        self._media = media
        self._contents = contents
        self._objects = objects
        self._cleaning = cleaning
        self._statistics = statistics
        self._now_ns = now_ns

    async def pages(self, scope: Scope) -> AsyncIterator[Page]:
        """See Kind."""
        for state in MediaState:
            equals, within = (scope.owner, state.value), Range(high=scope.before_ns)
            async for page in found(self._catalog, MEDIA, "by_owner_state", equals, within, limit=MEDIA_AT_ONCE):
                yield await self._counted([from_document(Media, document) for document in page])

    async def remove(self, keys: Sequence[str]) -> None:
        """See Kind."""
        await asyncio.gather(*map(self._delete, keys))
        left = list(keys)
        for _ in range(COUNTED_TRIES):
            left = [key for key in left if not await self._purged(key)]
            if not left:
                return
            if not await self._statistics.fold(now_ns=self._now_ns()):
                await asyncio.sleep(COUNTED_PAUSE_SECONDS)
        raise StoreUnavailable("catalog", "media that are erased keep changing")

    async def _counted(self, page: Sequence[Media]) -> Page:
        documents = len(page)
        for media in page:
            runs = {*range(media.clean_run, media.run + 1), *filter(None, [media.objects_run])}
            documents += await self._catalog.count(MEDIA_TERMS, "by_media", (media.id,))
            documents += sum(await asyncio.gather(*(self._objects.count(media.id, run) for run in runs)))
        ids = {media.id for media in page}
        hashes = {content.sha256 for media in page for content in held_contents(media)}
        contents = await asyncio.gather(*map(self._contents.get, sorted(hashes)))
        # What another media holds stays.
        gone = [one for one in contents if one is not None and all(holder.media in ids for holder in one.holders)]
        return Page(
            tuple(media.id for media in page),
            tuple(media_name(media.id) for media in page),
            documents + len(gone),
            len(gone),
            sum(content.size_bytes for content in gone),
        )

    async def _delete(self, key: str) -> None:
        now_ns = self._now_ns()
        media = await self._media.change(key, lambda found: transitions.delete(found, now_ns=now_ns, purge_after_ns=0))
        if media is not None and media.unclean_since_ns is not None:
            await self._cleaning.clean(media)

    async def _purged(self, key: str) -> bool:
        media = await self._media.find(key)
        return media is None or await self._media.purge(media)


def held_contents(media: Media) -> list[Content]:
    """The contents that a media holds, also those that it is about to let go of."""
    own = (media.original if media.has_original else None, media.anonymized)
    return [content for content in (*own, *media.leftovers) if content is not None]
