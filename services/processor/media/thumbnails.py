"""Small pictures of media."""

from __future__ import annotations

import tempfile
from datetime import timedelta
from pathlib import Path

from dropmesh.v1 import processor_service_pb2
from google.api.httpbody_pb2 import HttpBody

from services.common.base.names import resource_id
from services.common.media.refusals import MediaDeleted, check_original_kept
from services.common.media.store import MediaStore
from services.common.objects import Objects
from services.common.objects.checking import fetch
from services.common.rest.downloads import NOT_MODIFIED, OK, PARTIAL, asked_part, download_headers
from services.common.rest.ranges import is_unchanged
from services.common.rpc.call import Call
from services.common.workers.pool import ProcessPool
from services.processor.media.job_results import Limits
from services.processor.media.jobs import THUMBNAIL_TYPE, Tools, draw_thumbnail

SIZE = 256


class Thumbnails:
    """Draws thumbnails when they are asked for: nothing is stored, and an ETag saves most of the work."""

    def __init__(
        self,
        media: MediaStore,
        objects: Objects,
        pool: ProcessPool[Tools],
        limits: Limits,
        *,
        folder: Path,
        time_limit: timedelta,
    ) -> None:
        self._media = media
        self._objects = objects
        self._pool = pool
        self._limits = limits
        self._folder = folder
        self._time_limit = time_limit

    async def GetThumbnail(self, request: processor_service_pb2.GetThumbnailRequest, call: Call) -> HttpBody:
        """Returns a small picture of a media."""
        media = await self._media.get(call.caller, resource_id(request.name))
        if media.is_deleted:
            raise MediaDeleted(media.id)
        if media.anonymized is None:
            check_original_kept(media)
        content = media.anonymized or media.original
        size = request.size or SIZE
        etag = f'"{content.sha256}-{size}"'
        headers = download_headers(etag, f"{media.filename.rpartition('.')[0] or media.filename}-thumbnail.jpg")
        if is_unchanged(call.header("if-none-match"), etag):
            call.answer_with(NOT_MODIFIED, headers)
            return HttpBody(content_type=THUMBNAIL_TYPE)
        with tempfile.TemporaryDirectory(dir=self._folder) as name:
            source = Path(name) / "content"
            await fetch(self._objects, content.object_key, source, content.sha256)
            drawn = await self._pool.run(
                draw_thumbnail, media.kind, source, size, self._limits, time_limit=self._time_limit
            )
        part = asked_part(call, etag, len(drawn.content))
        if part is None:
            call.answer_with(OK, headers)
            return HttpBody(content_type=drawn.content_type, data=drawn.content)
        call.answer_with(PARTIAL, {**headers, "content-range": part.header(len(drawn.content))})
        return HttpBody(content_type=drawn.content_type, data=drawn.content[part.start : part.end])
