"""Resumable uploads: begun, appended to, finished as a media, forgotten."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Callable

from dropmesh.v1 import error_reason_pb2 as reasons
from dropmesh.v1 import ingest_service_pb2, upload_pb2
from google.protobuf.empty_pb2 import Empty

from services.common.base.errors import Aborted, FailedPrecondition, InvalidArgument, InvalidField, NotFound
from services.common.base.ids import new_id
from services.common.base.names import resource_id
from services.common.base.requests import named_request, request_key
from services.common.media.anonymize.messages import to_options
from services.common.media.file_names import plain_name
from services.common.media.refusals import EmptyMedia, MediaTooLarge
from services.common.media.store import MediaStore
from services.common.media.vocabulary import MediaKind
from services.common.objects import Objects
from services.common.objects.piece_writer import PieceWriter
from services.common.rpc.call import Call
from services.common.uploads.messages import upload_message
from services.common.uploads.store import Piece, Upload, Uploads, check_append, object_prefix
from services.ingest.media.files import FileOptions, IncomingFile, checked_sha256
from services.ingest.media.storing import Destination, MediaStoring, Stored
from services.ingest.media.uploads import CREATED, bodies, result_message
from services.ingest.metadata.limits import MediaLimits


class UploadWrites:
    """Takes large media in pieces, each durable when it is acknowledged."""

    def __init__(
        self,
        uploads: Uploads,
        objects: Objects,
        media: MediaStore,
        storing: MediaStoring,
        limits: MediaLimits,
        *,
        lifetime_ns: int,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._uploads = uploads
        self._objects = objects
        self._media = media
        self._storing = storing
        self._most_bytes = max(limits.max_bytes(kind) for kind in MediaKind)
        self._lifetime_ns = lifetime_ns
        self._now_ns = now_ns

    async def CreateUpload(self, request: ingest_service_pb2.CreateUploadRequest, call: Call) -> upload_pb2.Upload:
        """Begins a resumable upload."""
        wanted = request.upload
        if wanted.size_bytes > self._most_bytes:
            raise MediaTooLarge(MediaKind.VIDEO, self._most_bytes)
        now_ns = self._now_ns()
        owner, request_id = call.caller.owner, request.request_id
        upload = Upload(
            id=request_key("uploads", owner, request_id) if request_id else new_id(now_ns),
            owner=owner,
            filename=plain_name(wanted.filename),
            anonymize=to_options(wanted.anonymize, field="upload.anonymize"),
            create_time_ns=now_ns,
            expire_time_ns=now_ns + self._lifetime_ns,
            forget_time_ns=now_ns + self._lifetime_ns,
            media_id=new_id(now_ns),
            size_bytes=wanted.size_bytes or None,
            labels=dict(wanted.labels),
        )
        begun = await self._uploads.insert(upload, named_request(request))
        call.answer_with(CREATED)
        return upload_message(begun)

    async def AppendUpload(
        self, requests: AsyncIterator[ingest_service_pb2.AppendUploadRequest], call: Call
    ) -> upload_pb2.Upload:
        """Adds bytes to an upload; what arrives before the caller hangs up is kept."""
        messages = aiter(requests)
        first = await anext(messages, None)
        if first is None:
            raise InvalidField("name", "is missing; the first message must name the upload")
        upload_id = resource_id(first.name)
        upload = await self._uploads.get(call.caller, upload_id, now_ns=self._now_ns())
        check_append(upload, first.offset)
        key = f"{object_prefix(upload_id)}{first.offset:020d}-{secrets.token_hex(8)}"
        piece = PieceWriter(self._objects, key)
        try:
            async for chunk in bodies(first, messages):
                self._check_size(upload, piece.size_bytes + len(chunk))
                await piece.write(chunk)
        except asyncio.CancelledError:
            # The caller hung up: keep the received bytes; no answer is needed.
            await asyncio.shield(self._keep(upload, piece))
            raise
        except BaseException:
            await asyncio.shield(piece.abort())
            raise
        return upload_message(await asyncio.shield(self._keep(upload, piece)))

    async def FinishUpload(
        self, request: ingest_service_pb2.FinishUploadRequest, call: Call
    ) -> ingest_service_pb2.UploadMediaResponse:
        """Makes a media of an upload's bytes."""
        upload = await self._uploads.get(call.caller, resource_id(request.name), now_ns=self._now_ns())
        stored = await self._finished(upload)
        if stored is None:
            if upload.size_bytes is not None and upload.committed_bytes != upload.size_bytes:
                raise _incomplete(upload, upload.size_bytes)
            if upload.committed_bytes == 0:
                raise EmptyMedia
            options = FileOptions(upload.anonymize, upload.filename, checked_sha256(request.sha256), upload.labels)
            file = IncomingFile(options, self._bytes_of(upload))
            destination = Destination(upload.owner, upload=upload.id, media_id=upload.media_id)
            stored = await self._storing.store(file, destination)
            await self._uploads.finish(upload.id, stored.media.id)
            await self._uploads.remove_bytes(upload)
        call.answer_with(CREATED)
        return ingest_service_pb2.UploadMediaResponse(results=[result_message(stored)])

    async def DeleteUpload(self, request: ingest_service_pb2.DeleteUploadRequest, call: Call) -> Empty:
        """Forgets an upload and its bytes."""
        await self._uploads.delete(call.caller, resource_id(request.name), allow_missing=request.allow_missing)
        return Empty()

    async def _finished(self, upload: Upload) -> Stored | None:
        if upload.media is None:
            return None
        media = await self._media.find(upload.media)
        return None if media is None else Stored(media, duplicate=upload.media != upload.media_id)

    async def _keep(self, upload: Upload, piece: PieceWriter) -> Upload:
        if piece.size_bytes == 0:
            return upload
        try:
            info = await piece.commit()
        except BaseException:
            await piece.abort()
            raise
        stored = Piece(info.key, info.size_bytes)
        try:
            return await self._uploads.add_piece(upload.id, upload.committed_bytes, stored, now_ns=self._now_ns())
        except (Aborted, FailedPrecondition, InvalidArgument, NotFound):
            await self._objects.delete([info.key])
            raise

    async def _bytes_of(self, upload: Upload) -> AsyncIterator[bytes]:
        for piece in upload.pieces:
            async for chunk in self._objects.read(piece.object_key):
                yield chunk

    def _check_size(self, upload: Upload, piece_bytes: int) -> None:
        size_bytes = upload.committed_bytes + piece_bytes
        if size_bytes > self._most_bytes:
            raise MediaTooLarge(MediaKind.VIDEO, self._most_bytes)
        if upload.size_bytes is not None and size_bytes > upload.size_bytes:
            raise InvalidField("body", f"more bytes than the upload's size_bytes, which is {upload.size_bytes}")


def _incomplete(upload: Upload, size_bytes: int) -> FailedPrecondition:
    return FailedPrecondition(
        reasons.UPLOAD_INCOMPLETE,
        f"uploads/{upload.id} has {upload.committed_bytes} of {size_bytes} bytes; append the rest, then finish it",
        metadata={"committed_bytes": str(upload.committed_bytes), "size_bytes": str(size_bytes)},
        http_status=409,
    )
