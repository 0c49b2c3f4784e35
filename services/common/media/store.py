"""The store of media: insert, get, list, and change unless another process changed the media in between."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

from dropmesh.v1 import error_reason_pb2 as reasons

from services.common.base.errors import NotFound
from services.common.base.instants import SHOWN_WITHIN, to_ns
from services.common.catalog import (
    Catalog,
    Collection,
    Delete,
    Document,
    Index,
    Insert,
    Outcome,
    Range,
    Replace,
    change,
)
from services.common.catalog.documents import from_document, to_document
from services.common.media import bookkeeping, transitions
from services.common.media.listing.terms import MediaTerms, terms_of
from services.common.media.model import NOTHING, Media
from services.common.media.vocabulary import MediaState
from services.common.rpc.identity import Caller

# The fields `listed_…` are empty once a media is deleted: it stands outside the lists that leave deleted ones out.
MEDIA = Collection(
    "media",
    (
        Index("by_content", ("owner", "content_key", "options_digest"), unique=True),
        Index("by_owner", ("owner", "listed_ns"), sparse=True),
        Index("by_owner_state", ("owner", "state", "create_time_ns")),
        Index("by_owner_kind", ("owner", "kind", "listed_ns"), sparse=True),
        Index("by_owner_camera", ("owner", "camera_model", "listed_ns"), sparse=True),
        Index("by_owner_state_kind", ("owner", "state", "kind", "create_time_ns")),
        Index("by_owner_state_camera", ("owner", "state", "camera_model", "create_time_ns"), sparse=True),
        Index("by_owner_kind_camera", ("owner", "kind", "camera_model", "listed_ns"), sparse=True),
        Index("by_time", ("listed_ns",), sparse=True),
        Index("by_state", ("state", "create_time_ns")),
        Index("by_kind", ("kind", "listed_ns"), sparse=True),
        Index("by_camera", ("camera_model", "listed_ns"), sparse=True),
        Index("by_state_kind", ("state", "kind", "create_time_ns")),
        Index("by_state_camera", ("state", "camera_model", "create_time_ns"), sparse=True),
        Index("by_kind_camera", ("kind", "camera_model", "listed_ns"), sparse=True),
        Index("by_owner_sha256", ("owner", "listed_sha256", "listed_ns"), sparse=True),
        Index("by_sha256", ("listed_sha256", "listed_ns"), sparse=True),
        Index("by_owner_filename", ("owner", "listed_filename"), sparse=True),
        Index("by_filename", ("listed_filename",), sparse=True),
        Index("by_owner_state_time", ("owner", "state_time_ns"), sparse=True),
        Index("by_state_time", ("state_time_ns",), sparse=True),
        Index("unqueued", ("unqueued_since_ns",), sparse=True),
        Index("unclean", ("unclean_since_ns",), sparse=True),
        Index("uncounted", ("uncounted_since_ns",), sparse=True),
        Index("by_owner_uncounted", ("owner", "uncounted_since_ns"), sparse=True),
        Index("by_owner_original", ("owner", "original_since_ns"), sparse=True),
        Index("by_owner_anonymized", ("owner", "anonymized_since_ns"), sparse=True),
        Index("by_purge_time", ("purge_time_ns",), sparse=True),
    ),
)


class MediaStore:
    """The media of a mesh. What belongs to another owner is not found.

    `changed` is called with each media after a change that callers can see.
    """

    def __init__(
        self,
        catalog: Catalog,
        changed: Callable[[Media], None] = lambda _: None,
        *,
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self._catalog = catalog
        self._terms = MediaTerms(catalog)
        self._changed = changed
        self._seconds = seconds

    async def insert(self, media: Media) -> Media | None:
        """Stores a new media, to be queued and counted; None when its owner has one with its content and options."""
        new = transitions.stored(media)
        await self._terms.add(new, terms_of(new))
        began = self._seconds()
        (outcome,) = await self._catalog.batch([Insert(MEDIA, media_document(new))])
        return await self._inserted(new, outcome, began)

    async def insert_beside(self, media: Media, claim: Insert) -> tuple[Media | None, bool]:
        """As `insert`, in one write with the claim of its content; whether that was applied as well."""
        new = transitions.stored(media)
        await self._terms.add(new, terms_of(new))
        began = self._seconds()
        claimed, outcome = await self._catalog.batch([claim, Insert(MEDIA, media_document(new))])
        return await self._inserted(new, outcome, began), claimed.applied

    async def move_original(self, media_id: str, object_key: str) -> Media | None:
        """The bytes of a media are in another object from now on."""
        return await self.change(media_id, lambda found: bookkeeping.moved(found, object_key))

    async def find(self, media_id: str) -> Media | None:
        """Returns the media of this id, of any owner."""
        document = await self._catalog.get(MEDIA, media_id)
        return None if document is None else from_document(Media, document)

    async def get(self, caller: Caller, media_id: str) -> Media:
        """A media that the caller owns; else NotFound."""
        document = await self._catalog.get(MEDIA, media_id)
        if document is None or not caller.owns(document):
            raise media_not_found(media_id)
        return from_document(Media, document)

    async def find_by_content(self, owner: str, sha256: str, options_digest: str | None = None) -> Media | None:
        """The media of an owner with these bytes and options that is not deleted; without options, one with any."""
        equals = (owner, sha256) if options_digest is None else (owner, sha256, options_digest)
        documents = await self._catalog.find(MEDIA, "by_content", equals, limit=1)
        return from_document(Media, documents[0]) if documents else None

    async def newest_with(self, owner: str, sha256: str) -> Media | None:
        """The newest media of an owner whose original, with these bytes, is kept; of very many, one of them."""
        documents = await self._catalog.find(MEDIA, "by_content", (owner, sha256))
        newest = max(documents, key=lambda document: int(document["create_time_ns"]), default=None)
        return None if newest is None else from_document(Media, newest)

    async def change(
        self, media_id: str, edit: Callable[[Media], Media | None], *, durable: bool = True
    ) -> Media | None:
        """Changes a media by a plain function, called again if another process was faster; None where there is none.

        `edit` returns None to leave the media as it is. A change that alters what the statistics should hold marks the
        media as uncounted. `durable` is that of `Catalog.batch`.
        """
        began = self._seconds()
        last: list[tuple[Media, Media | None]] = []

        added, touched = frozenset[str](), set[str]()

        def edit_document(document: Document | None) -> Document | None:
            nonlocal added
            if document is None:
                return None
            before = from_document(Media, document)
            edited = edit(before)
            last[:] = [(before, edited)]
            if edited is None:
                return None
            added = terms_of(edited) - terms_of(before)
            touched.update(terms_of(edited) ^ terms_of(before))
            return media_document(_marked(before, edited))

        async def add_terms(edited: Document) -> None:
            if added:
                await self._terms.add(from_document(Media, edited), added)

        document = await change(self._catalog, MEDIA, media_id, edit_document, first=add_terms, durable=durable)
        if document is None:
            return None
        media = from_document(Media, document)
        await self._terms.remove(media, touched - terms_of(media))
        before, changed = last[0]
        if changed is None or changed.revision == before.revision:
            return media
        if changed.state is before.state:
            self._changed(media)
            return media
        return await self._shown(media, began)

    async def _shown(self, media: Media, began: float) -> Media:
        """Announces a media that reached a state; one that took long to be stored gets a later time first."""
        while (late := timedelta(seconds=self._seconds() - began)) > SHOWN_WITHIN:
            began = self._seconds()
            media = await self.change(media.id, partial(bookkeeping.shown_late, late_ns=to_ns(late))) or media
        self._changed(media)
        return media

    async def change_owned(self, caller: Caller, media_id: str, edit: Callable[[Media], Media | None]) -> Media:
        """As `change`, of a media that the caller owns; else NotFound."""
        await self.get(caller, media_id)
        changed = await self.change(media_id, edit)
        if changed is None:
            raise media_not_found(media_id)
        return changed

    async def marked(self, index: str, *, before_ns: int, limit: int = 100) -> list[Media]:
        """Media whose marker of this index (`unqueued`, `unclean`, `by_purge_time`) is older than an instant."""
        documents = await self._catalog.find(MEDIA, index, within=Range(high=before_ns), limit=limit)
        return [from_document(Media, document) for document in documents]

    async def unfinished(self, *, limit: int) -> list[Media]:
        """Media that are NEW or PROCESSING, the oldest of each."""
        found = [
            await self._catalog.find(MEDIA, "by_state", (state.value,), limit=limit)
            for state in (MediaState.PROCESSING, MediaState.NEW)
        ]
        return [from_document(Media, document) for documents in found for document in documents]

    async def newest(self, state: MediaState, *, limit: int) -> list[Media]:
        """The media in a state that were uploaded last, newest first."""
        documents = await self._catalog.find(MEDIA, "by_state", (state.value,), descending=True, limit=limit)
        return [from_document(Media, document) for document in documents]

    async def clear_unqueued(self, queued: Sequence[Media]) -> None:
        """These media are in the queue: the markers that they were read with are cleared, or queued again if lost."""
        outcomes = await self._catalog.batch(
            [Replace(MEDIA, media_document(replace(media, unqueued_since_ns=None)), media.version) for media in queued],
            durable=False,
        )
        for media, outcome in zip(queued, outcomes, strict=True):
            if not outcome.applied:
                await self.change(media.id, partial(bookkeeping.queued, since_ns=media.unqueued_since_ns or 0))

    async def purge(self, media: Media) -> bool:
        """Removes the record of a deleted media: first from the statistics, then, on a later call, altogether."""
        if not media.purging:
            await self.change(media.id, transitions.purge)
            return False
        if media.uncounted_since_ns is not None or media.unclean_since_ns is not None or media.counted != NOTHING:
            return False
        await self._terms.remove_all(media.id)
        (outcome,) = await self._catalog.batch([Delete(MEDIA, media.id, media.version)])
        return outcome.applied

    async def _inserted(self, media: Media, outcome: Outcome, began: float) -> Media | None:
        if outcome.applied:
            return await self._shown(media, began)
        if terms := terms_of(media):
            # Its owner has the content already: maybe as this very media, which keeps its terms.
            there = await self.find(media.id)
            await self._terms.remove(media, terms - (frozenset() if there is None else terms_of(there)))
        return None


def media_document(media: Media) -> dict[str, Any]:
    """A media as it is stored, with the fields that only indexes read."""
    document = to_document(media)
    # Without its bytes it is no duplicate of what is uploaded.
    document["content_key"] = media.original.sha256 if media.has_original else None
    document["original_since_ns"] = media.settled_since_ns if media.has_original else None
    document["anonymized_since_ns"] = None if media.anonymized is None else media.settled_since_ns
    document["listed_ns"] = None if media.is_deleted else media.create_time_ns
    document["listed_sha256"] = None if media.is_deleted else media.original.sha256
    document["listed_filename"] = None if media.is_deleted else media.filename
    document["camera_model"] = media.metadata.camera_model or None
    document["state_time_ns"] = media.state_changes[-1].time_ns if media.state_changes else None
    return document


def media_not_found(media_id: str) -> NotFound:
    """Returns the error for a media that does not exist or belongs to another owner."""
    name = f"media/{media_id}"
    return NotFound(reasons.MEDIA_NOT_FOUND, f"there is no {name}", metadata={"name": name})


def _marked(before: Media, after: Media) -> Media:
    if after.uncounted_since_ns is not None or after.contribution() == before.contribution():
        return after
    # One that waits already keeps its place.
    return replace(after, uncounted_since_ns=after.update_time_ns)
