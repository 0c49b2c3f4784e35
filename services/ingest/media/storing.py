"""One file becomes a media: streamed into an object, recognised, held to its limits, stored once, queued."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from services.common.base.errors import StoreUnavailable
from services.common.base.ids import new_id
from services.common.base.telemetry import traceparent
from services.common.contents.store import Contents, Holder, StoredContent
from services.common.contents.writer import ContentWriter, Written
from services.common.invites.store import Invite, Invites
from services.common.media.bookkeeping import uploaded_again
from services.common.media.file_names import sanitize_file_name
from services.common.media.model import Content, Media, MediaWarning
from services.common.media.refusals import HashMismatch, MediaTooLarge
from services.common.media.store import MediaStore
from services.common.media.transitions import process_again
from services.common.media.types import SNIFF_BYTES, MediaType, sniff
from services.common.media.vocabulary import MediaState, WarningReason
from services.common.objects import Objects
from services.common.queue.outbox import Outbox
from services.ingest.media.files import FileOptions, IncomingFile
from services.ingest.media.inspection import MediaInspection
from services.ingest.metadata.limits import MediaLimits
from services.ingest.metadata.media_metadata import MetadataReading

T = TypeVar("T")
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Destination:
    """Whose media a file becomes, and through what it came."""

    owner: str
    invite: Invite | None = None
    upload: str | None = None
    media_id: str | None = None
    """Known before in a resumable upload, so that finishing it again makes the same media."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A media; a duplicate is one that its owner had before, with its content and options."""

    media: Media
    duplicate: bool
    repaired: bool = False
    """The stored bytes were missing or damaged, and those of the file took their place."""


class MediaStoring:
    """Stores files. A refused file, and one whose sender hangs up, leaves nothing."""

    def __init__(
        self,
        objects: Objects,
        contents: Contents,
        media: MediaStore,
        invites: Invites,
        inspection: MediaInspection,
        outbox: Outbox[Media],
        limits: MediaLimits,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._objects = objects
        self._contents = contents
        self._media = media
        self._invites = invites
        self._inspection = inspection
        self._outbox = outbox
        self._limits = limits
        self._now_ns = now_ns
        self._ending: set[asyncio.Task[Any]] = set()

    async def store(self, file: IncomingFile, destination: Destination) -> Stored:
        """Reads a file to its end and stores it; raises a DropmeshError where it is not taken."""
        writer = ContentWriter(self._objects, self._now_ns())
        try:
            media_type = await self._receive(file.chunks, writer)
        except BaseException:
            await self._shielded(writer.abort())
            raise
        # All bytes are here: from now on a sender who hangs up changes nothing.
        return await self._shielded(self._keep(writer, media_type, file.options, destination))

    async def _receive(self, chunks: AsyncIterator[bytes], writer: ContentWriter) -> MediaType:
        head = bytearray()
        media_type: MediaType | None = None
        limit_bytes = 0
        async for chunk in chunks:
            if media_type is None:
                head += chunk[:SNIFF_BYTES]
                if len(head) >= SNIFF_BYTES:
                    media_type = sniff(bytes(head[:SNIFF_BYTES]))
                    limit_bytes = self._limits.max_bytes(media_type.kind)
            if media_type is not None and writer.size_bytes + len(chunk) > limit_bytes:
                raise MediaTooLarge(media_type.kind, limit_bytes)
            await writer.write(chunk)
        return media_type or sniff(bytes(head))

    async def _keep(
        self, writer: ContentWriter, media_type: MediaType, options: FileOptions, destination: Destination
    ) -> Stored:
        media_id = destination.media_id or new_id(self._now_ns())
        invite = destination.invite
        reserved = used = False
        try:
            sha256 = await writer.sha256()
            if options.sha256 and options.sha256 != sha256:
                raise HashMismatch(options.sha256, sha256)
            if invite is not None:
                await self._invites.reserve(invite.id, media_id, now_ns=self._now_ns())
                reserved = True
            held = await self._contents.get(sha256)
            is_repaired = held is not None and await self._repair(held, writer)
            # Without a holder no media has these bytes; one that is stored right now is found at the insertion.
            known = None if held is None else await self._known(sha256, media_id, options, destination, is_repaired)
            if known is not None:
                if is_repaired:
                    await self._objects.delete([(await writer.commit()).object_key])
                return known
            written, reading = await self._write(writer, media_type)
            stored = await self._insert(written, reading, media_id, media_type, options, destination, held is not None)
            used = not stored.duplicate
            return stored
        finally:
            await writer.abort()
            if invite is not None and reserved:
                await self._invites.settle(invite.id, media_id, used=used)

    async def _repair(self, held: StoredContent, writer: ContentWriter) -> bool:
        """Writes the file's bytes over stored ones that are missing or damaged; returns whether they were."""
        if await self._contents.is_whole(held):
            return False
        written = await writer.commit()
        try:
            await self._contents.repair(held, written.object_key)
        except BaseException:
            await self._objects.delete([written.object_key])
            raise
        log.warning("an upload repaired stored bytes", extra={"key": held.object_key})
        return True

    async def _write(self, writer: ContentWriter, media_type: MediaType) -> tuple[Written, MetadataReading]:
        """Makes the bytes durable, and reads what they say of themselves; both or neither."""
        whole = writer.whole
        if whole is not None:
            # So small that all of it is here: the header is read while the disk works.
            reader = asyncio.create_task(self._inspection.read_bytes(whole, media_type))
            try:
                written = await writer.commit()
            except BaseException:
                await asyncio.gather(reader, return_exceptions=True)
                raise
        else:
            written = await writer.commit()
            reader = asyncio.create_task(
                self._inspection.read_stored(written.object_key, written.size_bytes, media_type)
            )
        try:
            return written, await reader
        except BaseException:
            await self._objects.delete([written.object_key])
            raise

    async def _insert(
        self,
        written: Written,
        reading: MetadataReading,
        media_id: str,
        media_type: MediaType,
        options: FileOptions,
        destination: Destination,
        is_held: bool,
    ) -> Stored:
        now_ns = self._now_ns()
        holder = Holder(media_id, f"{media_id}/original", now_ns)
        content = Content(
            written.sha256,
            written.object_key,
            holder.name,
            media_type.format,
            media_type.content_type,
            written.size_bytes,
        )
        filename = sanitize_file_name(options.filename, media_type.extension)
        media = Media(
            id=media_id,
            owner=destination.owner,
            state=MediaState.NEW,
            kind=media_type.kind,
            filename=filename,
            create_time_ns=now_ns,
            update_time_ns=now_ns,
            original=content,
            metadata=reading.metadata,
            anonymize=options.anonymize,
            labels=options.labels,
            sender_name="" if destination.invite is None else options.sender_name,
            sent_filename="" if destination.invite is None else filename,
            invites=() if destination.invite is None else (destination.invite.id,),
            warnings=tuple(MediaWarning(WarningReason.METADATA_UNREADABLE, text) for text in reading.warnings),
            traceparent=traceparent.get(),
        )
        inserted = await self._insert_claimed(media, holder, is_held)
        if inserted is not None:
            self._outbox.add(inserted)
            return Stored(inserted, duplicate=False)
        # Another call stored the same at the same time, or finished the same upload.
        known = await self._known(written.sha256, media_id, options, destination)
        if known is None or known.media.id != media_id or known.media.is_deleted:
            await self._contents.release(written.sha256, holder.name)
        if known is None:
            raise StoreUnavailable("catalog", "a media with the same content and options changed at the same time")
        return known

    async def _insert_claimed(self, media: Media, holder: Holder, is_held: bool) -> Media | None:
        """Makes a media a holder of its bytes and stores it: in one write if the bytes had no holder before."""
        content = media.original
        claim = (content.sha256, content.object_key, content.size_bytes, holder)
        if not is_held:
            inserted, claimed = await self._media.insert_beside(media, self._contents.first_claim(*claim))
            if claimed:
                return inserted
            if inserted is not None:
                return await self._move_over(inserted, holder)
        key = await self._contents.claim(*claim)
        return await self._media.insert(replace(media, original=replace(content, object_key=key)))

    async def _move_over(self, media: Media, holder: Holder) -> Media | None:
        """Has a stored media hold the bytes that another media claimed a moment before.

        It is not taken back: it may have been found already, and counted, or returned as the media of a duplicate.
        """
        content = media.original
        key = await self._contents.claim(content.sha256, content.object_key, content.size_bytes, holder)
        moved = await self._media.move_original(media.id, key)
        if moved is None or moved.is_deleted:
            await self._contents.release(content.sha256, holder.name)
        return moved

    async def _known(
        self, sha256: str, media_id: str, options: FileOptions, destination: Destination, is_repaired: bool = False
    ) -> Stored | None:
        """The owner's media with these bytes and options, its duplicate noted; the very same media is no duplicate."""
        if destination.media_id is not None and (finished := await self._media.find(media_id)) is not None:
            return Stored(finished, duplicate=False)
        digest = options.anonymize.digest()
        found = await self._media.find_by_content(destination.owner, sha256, digest)
        if found is None:
            return None
        invite = None if destination.invite is None else destination.invite.id

        def edit(media: Media) -> Media | None:
            if media.options_digest != digest:
                return None
            now_ns = self._now_ns()
            again = uploaded_again(
                media, invite=invite, upload=destination.upload, labels=options.labels, now_ns=now_ns
            )
            # It failed for the bytes that were damaged.
            has_failed = is_repaired and media.state is MediaState.FAILED
            if not has_failed:
                return again
            return process_again(again or media, None, now_ns=now_ns, traceparent=traceparent.get())

        changed = await self._media.change(found.id, edit)
        if changed is None or changed.is_deleted or changed.options_digest != digest:
            return None
        if is_repaired and changed.state is MediaState.NEW:
            self._outbox.add(changed)
        return Stored(changed, duplicate=True, repaired=is_repaired)

    async def _shielded(self, work: Coroutine[Any, Any, T]) -> T:
        """Does work that is not cut short when the caller is cancelled."""
        task = asyncio.create_task(work)
        self._ending.add(task)
        task.add_done_callback(self._ended)
        return await asyncio.shield(task)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._ending.discard(task)
        if not task.cancelled():
            # Retrieve the exception here: the caller may be gone.
            task.exception()
