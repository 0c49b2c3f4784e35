"""Many media as one zip archive, with a manifest of what is in it and what is not."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

from dropmesh.v1 import error_reason_pb2 as reasons
from dropmesh.v1 import query_service_pb2
from google.api.httpbody_pb2 import HttpBody

from services.common.base.errors import DropmeshError, NotFound
from services.common.base.names import resource_id
from services.common.media.model import Content, Media
from services.common.media.store import MediaStore
from services.common.objects import Objects
from services.common.objects.checking import whole
from services.common.rpc.call import Call
from services.query.media.downloads import anonymized_name
from services.query.media.zip_stream import ZipStream

MANIFEST = "manifest.json"
Request = query_service_pb2.DownloadMediaRequest


class MediaArchives:
    """Sends archives."""

    def __init__(self, media: MediaStore, objects: Objects) -> None:
        self._archived_media = media
        self._archived_objects = objects

    async def DownloadMedia(self, request: Request, call: Call) -> AsyncIterator[HttpBody]:
        """Sends up to 1,000 media as one zip archive."""
        archive, manifest = ZipStream(), list[dict[str, Any]]()
        archive.unique_name(MANIFEST)
        headers = {"content-disposition": 'attachment; filename="media.zip"', "cache-control": "private, no-store"}
        call.answer_with(200, headers)
        yield HttpBody(content_type="application/zip")
        last_ns = 0
        for name in request.names:
            entry: dict[str, Any] = {"name": name}
            manifest.append(entry)
            try:
                media = await self._archived_media.get(call.caller, resource_id(name))
            except NotFound as error:
                entry["reason"] = reasons.ErrorReason.Name(error.reason)
                continue
            content, filename = _wanted(media, request.contents)
            if content is None:
                entry["reason"] = _missing(media, request.contents)
                continue
            last_ns = max(last_ns, media.create_time_ns)
            async for data in self._file(archive, entry, media, content, filename):
                yield HttpBody(data=data)
        listed = json.dumps({"media": manifest}, ensure_ascii=False, indent=1).encode()
        async for data in archive.file(MANIFEST, last_ns, len(listed), _once(listed)):
            yield HttpBody(data=data)
        yield HttpBody(data=archive.close())

    async def _file(
        self, archive: ZipStream, entry: dict[str, Any], media: Media, content: Content, filename: str
    ) -> AsyncIterator[bytes]:
        chunks = aiter(whole(self._archived_objects, content.object_key, content.size_bytes, content.sha256))
        try:
            # Read before the file begins, so that one whose bytes are missing is not in the archive.
            first = await anext(chunks, b"")
        except DropmeshError as error:
            entry["reason"] = reasons.ErrorReason.Name(error.reason)
            return
        name = archive.unique_name(filename)
        entry |= {"file": name, "size_bytes": content.size_bytes, "sha256": content.sha256}

        async def rest() -> AsyncIterator[bytes]:
            yield first
            try:
                async for chunk in chunks:
                    yield chunk
            except DropmeshError as error:
                # The file ends here, and the manifest says so.
                entry["reason"] = reasons.ErrorReason.Name(error.reason)

        async for data in archive.file(name, media.create_time_ns, content.size_bytes, rest()):
            yield data


def _wanted(media: Media, contents: Request.Contents.ValueType) -> tuple[Content | None, str]:
    if media.is_deleted:
        return None, ""
    if contents == Request.ORIGINAL:
        return media.original if media.has_original else None, media.filename
    return media.anonymized, "" if media.anonymized is None else anonymized_name(media, media.anonymized)


def _missing(media: Media, contents: Request.Contents.ValueType) -> str:
    """The reason why a media does not have these contents."""
    if media.is_deleted:
        return "MEDIA_DELETED"
    is_expired = contents == Request.ORIGINAL or media.anonymized_delete_time_ns is not None
    return "MEDIA_CONTENT_DELETED" if is_expired else "MEDIA_NOT_PROCESSED"


async def _once(data: bytes) -> AsyncIterator[bytes]:
    yield data
