"""Reads of resumable uploads."""

from __future__ import annotations

import time
from collections.abc import Callable

from dropmesh.v1 import query_service_pb2, upload_pb2

from services.common.base.names import resource_id
from services.common.rpc.call import Call
from services.common.rpc.page_tokens import page_size, page_start, page_token
from services.common.uploads.messages import upload_message
from services.common.uploads.store import Uploads
from services.query.media.lists import whose_list


class UploadReads:
    """Reads of uploads."""

    def __init__(self, uploads: Uploads, now_ns: Callable[[], int] = time.time_ns) -> None:
        self._uploads = uploads
        self._now_ns = now_ns

    async def GetUpload(self, request: query_service_pb2.GetUploadRequest, call: Call) -> upload_pb2.Upload:
        """Returns the progress of a resumable upload."""
        upload = await self._uploads.get(call.caller, resource_id(request.name), now_ns=self._now_ns())
        return upload_message(upload)

    async def ListUploads(
        self, request: query_service_pb2.ListUploadsRequest, call: Call
    ) -> query_service_pb2.ListUploadsResponse:
        """Lists the uploads that a caller sees."""
        whose = whose_list(call)
        found, end = await self._uploads.list(
            call.caller,
            request.state == upload_pb2.Upload.FINISHED if request.state else None,
            now_ns=self._now_ns(),
            after=page_start(request, whose),
            limit=page_size(request.page_size),
        )
        return query_service_pb2.ListUploadsResponse(
            uploads=map(upload_message, found),
            next_page_token="" if end is None else page_token(request, whose, end),
        )
