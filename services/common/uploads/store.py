"""Resumable uploads: what arrived so far, as pieces in the objects, and what became of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from dropmesh.v1 import error_reason_pb2 as reasons

from services.common.base.errors import Aborted, FailedPrecondition, InvalidField, NotFound
from services.common.base.requests import KeptRequest, NamedRequest, came_before
from services.common.catalog import Catalog, Collection, Delete, Index, Insert, Position, Range, change, position
from services.common.catalog.documents import from_document, to_document
from services.common.media.anonymize.options import AnonymizeOptions
from services.common.objects import Objects
from services.common.rpc.identity import Caller

UPLOADS = Collection(
    "uploads",
    (
        Index("by_forget_time", ("forget_time_ns",)),
        Index("by_owner", ("owner", "create_time_ns")),
        Index("by_time", ("create_time_ns",)),
    ),
)
PIECES_MOST = 10_000
"""Of one upload: its document lists them."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes of one append."""

    object_key: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Upload:
    """A resumable upload. `media_id` is chosen at its start, so that finishing it twice makes one media.

    Its bytes go when its time is over. Its record stays until `forget_time_ns`, so that a late caller learns why, and
    what a slow append stored after the end is found.
    """

    id: str
    owner: str
    filename: str
    anonymize: AnonymizeOptions
    create_time_ns: int
    expire_time_ns: int
    forget_time_ns: int
    media_id: str
    size_bytes: int | None = None
    committed_bytes: int = 0
    pieces: tuple[Piece, ...] = ()
    media: str | None = None
    """Its result: `media_id`, or a media with the same bytes that the owner had already."""
    deleted: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)
    request: KeptRequest | None = None
    """The request that began it."""
    version: int = 0


class Uploads:
    """The uploads of a mesh. What belongs to another owner is not found."""

    def __init__(self, catalog: Catalog, objects: Objects) -> None:
        self._catalog = catalog
        self._objects = objects

    async def insert(self, upload: Upload, request: NamedRequest | None = None) -> Upload:
        """Begins an upload; a request that came before gives the upload of then."""
        stored = replace(upload, request=None if request is None else request.kept())
        (outcome,) = await self._catalog.batch([Insert(UPLOADS, to_document(stored))])
        if outcome.applied:
            return stored
        document = await self._catalog.get(UPLOADS, upload.id)
        first = None if document is None else from_document(Upload, document)
        if first is None or first.deleted or first.request is None:
            raise upload_not_found(upload.id)
        came_before([first.request], request)
        return first

    async def get(self, caller: Caller, upload_id: str, *, now_ns: int) -> Upload:
        """An upload of the caller's that is not over its time, or finished; else NotFound or UPLOAD_EXPIRED."""
        document = await self._catalog.get(UPLOADS, upload_id)
        if document is None or not caller.owns(document):
            raise upload_not_found(upload_id)
        upload = from_document(Upload, document)
        return _usable(upload, now_ns)

    async def list(
        self, caller: Caller, is_finished: bool | None, *, now_ns: int, after: Position | None, limit: int
    ) -> tuple[list[Upload], Position | None]:
        """A page of the uploads that the caller sees, newest first, and where the next page starts.

        Those that expired or were deleted are left out, so that a page may be short.
        """
        index, equals = ("by_time", ()) if caller.is_admin else ("by_owner", (caller.owner,))
        documents = await self._catalog.find(UPLOADS, index, equals, descending=True, after=after, limit=limit + 1)
        page = [from_document(Upload, document) for document in documents[:limit]]
        listed = [
            upload
            for upload in page
            if not upload.deleted
            and (upload.media is not None or upload.expire_time_ns > now_ns)
            and is_finished in (None, upload.media is not None)
        ]
        end = position(UPLOADS.index(index), documents[limit - 1]) if len(documents) > limit else None
        return listed, end

    async def add_piece(self, upload_id: str, offset: int, piece: Piece, *, now_ns: int) -> Upload:
        """Appends a piece whose object is stored, where the offset is the committed one; else nothing changes."""

        def edit(upload: Upload) -> Upload:
            check_append(_usable(upload, now_ns), offset)
            return replace(upload, committed_bytes=offset + piece.size_bytes, pieces=(*upload.pieces, piece))

        return await self._change(upload_id, edit)

    async def finish(self, upload_id: str, media_id: str) -> Upload:
        """Notes what the upload became."""
        return await self._change(upload_id, lambda upload: replace(upload, media=upload.media or media_id))

    async def delete(self, caller: Caller, upload_id: str, *, allow_missing: bool = False) -> None:
        """Forgets an upload of the caller's and its bytes; NotFound where there is none, unless that is allowed."""
        document = await self._catalog.get(UPLOADS, upload_id)
        upload = None if document is None or not caller.owns(document) else from_document(Upload, document)
        if upload is not None:
            await self._change(upload_id, lambda found: replace(found, deleted=True))
            await self.remove_bytes(upload)
        if (upload is None or upload.deleted) and not allow_missing:
            raise upload_not_found(upload_id)

    async def remove_bytes(self, upload: Upload) -> None:
        """Deletes the pieces of an upload, also those that no record names."""
        while found := await self._objects.list(object_prefix(upload.id)):
            await self._objects.delete([info.key for info in found])

    async def sweep(self, *, now_ns: int, limit: int = 100) -> int:
        """Removes the bytes of uploads whose time is over, and later their records; returns how many were looked at."""
        documents = await self._catalog.find(UPLOADS, "by_forget_time", within=Range(high=now_ns), limit=limit)
        for upload in (from_document(Upload, document) for document in documents):
            await self.remove_bytes(upload)
            if upload.deleted or upload.media is not None:
                await self._catalog.batch([Delete(UPLOADS, upload.id, upload.version)])
            else:
                # Its bytes go now and its record after as much time again.
                length_ns = upload.expire_time_ns - upload.create_time_ns
                await self._change(upload.id, partial(replace, deleted=True, forget_time_ns=now_ns + length_ns))
        return len(documents)

    async def _change(self, upload_id: str, edit: Callable[[Upload], Upload]) -> Upload:
        def edit_document(document: dict[str, Any] | None) -> dict[str, Any] | None:
            return None if document is None else to_document(edit(from_document(Upload, document)))

        document = await change(self._catalog, UPLOADS, upload_id, edit_document)
        if document is None:
            raise upload_not_found(upload_id)
        return from_document(Upload, document)


def object_prefix(upload_id: str) -> str:
    """How the keys of an upload's pieces begin."""
    return f"uploads/{upload_id}/"


def check_append(upload: Upload, offset: int) -> None:
    """Refuses an append that does not go on where the upload is."""
    if upload.media is not None:
        media = f"media/{upload.media}"
        raise FailedPrecondition(
            reasons.UPLOAD_FINISHED,
            f"uploads/{upload.id} is finished and accepts no more bytes; it became {media}",
            metadata={"media": media},
            http_status=409,
        )
    if offset != upload.committed_bytes:
        raise Aborted(
            reasons.UPLOAD_OFFSET_WRONG,
            f"offset: {offset} is wrong; continue uploads/{upload.id} at {upload.committed_bytes} (committed_bytes)",
            metadata={"committed_bytes": str(upload.committed_bytes)},
        )
    if len(upload.pieces) >= PIECES_MOST:
        raise InvalidField("body", f"too many appends (limit {PIECES_MOST} for one upload); send more bytes in each")


def upload_not_found(upload_id: str) -> NotFound:
    """Returns the error for an upload that does not exist or belongs to another owner."""
    name = f"uploads/{upload_id}"
    return NotFound(reasons.UPLOAD_NOT_FOUND, f"{name} does not exist", metadata={"name": name})


def _usable(upload: Upload, now_ns: int) -> Upload:
    if upload.media is None and upload.expire_time_ns <= now_ns:
        name = f"uploads/{upload.id}"
        raise FailedPrecondition(
            reasons.UPLOAD_EXPIRED,
            f"{name} has expired and its bytes are deleted; begin another upload",
            metadata={"name": name},
            http_status=410,
        )
    if upload.deleted:
        raise upload_not_found(upload.id)
    return upload
