"""Downloads of a media's bytes: whole or in part, or not at all where the caller has them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

from dropmesh.v1 import query_service_pb2
from google.api.httpbody_pb2 import HttpBody

from services.common.base.errors import ObjectDamaged, ObjectMissing
from services.common.base.names import resource_id
from services.common.media.model import Content, Media
from services.common.media.refusals import MediaDeleted, anonymized_content, check_original_kept
from services.common.media.store import MediaStore
from services.common.objects import Objects
from services.common.objects.checking import part, whole
from services.common.rest.downloads import (
    FOUND,
    NOT_MODIFIED,
    OK,
    PARTIAL,
    asked_part,
    download_headers,
    is_head,
    range_not_satisfiable,
)
from services.common.rest.ranges import ByteRange, is_unchanged
from services.common.rpc.call import REST_PATH, Call

DownloadRequest = (
    query_service_pb2.DownloadOriginalRequest
    | query_service_pb2.DownloadAnonymizedRequest
    | query_service_pb2.DownloadInviteMediaRequest
)
# The edge makes it the Content-Length: a stream has none of its own.
LENGTH = "x-content-length"
_EXTENSIONS = {"jpeg": "jpg", "tiff": "tif"}


class Downloads:
    """Sends originals and anonymized contents."""

    def __init__(self, media: MediaStore, objects: Objects, *, presigned: timedelta | None) -> None:
        self._media = media
        self._objects = objects
        self._presigned = presigned

    async def DownloadOriginal(
        self, request: query_service_pb2.DownloadOriginalRequest, call: Call
    ) -> AsyncIterator[HttpBody]:
        """Sends a media's bytes as they were uploaded."""
        media = await self._there(request.name, call)
        check_original_kept(media)
        async for body in self._send(media.original, media.filename, request, call):
            yield body

    async def DownloadAnonymized(
        self, request: query_service_pb2.DownloadAnonymizedRequest, call: Call
    ) -> AsyncIterator[HttpBody]:
        """Sends a media's anonymized bytes."""
        async for body in self.send_anonymized(await self._there(request.name, call), request, call):
            yield body

    async def send_anonymized(self, media: Media, request: DownloadRequest, call: Call) -> AsyncIterator[HttpBody]:
        """Sends the anonymized bytes of a media that the caller may see."""
        content = anonymized_content(media)
        async for body in self._send(content, anonymized_name(media, content), request, call):
            yield body

    async def _there(self, name: str, call: Call) -> Media:
        media = await self._media.get(call.caller, resource_id(name))
        if media.is_deleted:
            raise MediaDeleted(media.id)
        return media

    async def _send(
        self, content: Content, filename: str, request: DownloadRequest, call: Call
    ) -> AsyncIterator[HttpBody]:
        etag = f'"{content.sha256}"'
        headers = download_headers(etag, filename)
        if is_unchanged(call.header("if-none-match"), etag):
            call.answer_with(NOT_MODIFIED, headers)
            yield HttpBody(content_type=content.content_type)
            return
        wanted = _asked(request, call, etag, content.size_bytes)
        if not is_head(call) and await self._redirected(content, headers, call):
            return
        status = OK if wanted is None else PARTIAL
        headers[LENGTH] = str(content.size_bytes if wanted is None else wanted.length)
        if wanted is not None:
            headers["content-range"] = wanted.header(content.size_bytes)
        if is_head(call):
            await self._check_size(content)
            call.answer_with(status, headers)
            yield HttpBody(content_type=content.content_type)
            return
        chunks = aiter(self._chunks(content, wanted))
        # Read before the headers go: once they are sent, it is too late to say that the bytes are missing.
        chunk = await anext(chunks, b"")
        call.answer_with(status, headers)
        yield HttpBody(content_type=content.content_type, data=chunk)
        async for chunk in chunks:
            yield HttpBody(data=chunk)

    def _chunks(self, content: Content, wanted: ByteRange | None) -> AsyncIterator[bytes]:
        if wanted is None:
            return whole(self._objects, content.object_key, content.size_bytes, content.sha256)
        return part(self._objects, content.object_key, wanted.start, wanted.length)

    async def _check_size(self, content: Content) -> None:
        found = await self._objects.stat(content.object_key)
        if found is None:
            raise ObjectMissing(content.object_key)
        if found.size_bytes != content.size_bytes:
            raise ObjectDamaged(content.object_key)

    async def _redirected(self, content: Content, headers: dict[str, str], call: Call) -> bool:
        if self._presigned is None or call.header(REST_PATH) is None:
            return False
        location = await self._objects.presign(
            content.object_key,
            expires=self._presigned,
            content_type=content.content_type,
            content_disposition=headers["content-disposition"],
        )
        if location is None:
            return False
        call.answer_with(FOUND, {"location": location, "cache-control": "no-store"})
        return True


def anonymized_name(media: Media, content: Content) -> str:
    """Returns the original's file name with a suffix."""
    stem, dot, extension = media.filename.rpartition(".")
    if content.format != media.original.format or not dot:
        extension = _EXTENSIONS.get(content.format, content.format)
    return f"{stem if dot else media.filename}-anonymized.{extension}"


def _asked(request: DownloadRequest, call: Call, etag: str, size_bytes: int) -> ByteRange | None:
    if not request.offset and not request.length:
        return asked_part(call, etag, size_bytes)
    end = min(request.offset + request.length, size_bytes) if request.length else size_bytes
    if request.offset >= end:
        raise range_not_satisfiable(size_bytes)
    return ByteRange(request.offset, end)
