"""Changes of many media in one call, each for itself."""

from __future__ import annotations

import asyncio

from dropmesh.v1 import ingest_service_pb2

from services.common.base.errors import NotFound
from services.common.base.names import resource_id
from services.common.rpc.call import Call
from services.common.rpc.status import error_status
from services.ingest.media.changes import MediaChanges

AT_ONCE = 16


class MediaBatches:
    """Deletes many media."""

    def __init__(self, changes: MediaChanges) -> None:
        self._changes = changes

    async def BatchDeleteMedia(
        self, request: ingest_service_pb2.BatchDeleteMediaRequest, call: Call
    ) -> ingest_service_pb2.BatchDeleteMediaResponse:
        """Deletes media as DeleteMedia does; one that does not exist does not stop the others."""
        places = asyncio.Semaphore(AT_ONCE)

        async def delete(name: str) -> ingest_service_pb2.BatchDeleteResult:
            async with places:
                try:
                    await self._changes.delete(call.caller, resource_id(name))
                except NotFound as error:
                    return ingest_service_pb2.BatchDeleteResult(name=name, error=error_status(error))
            return ingest_service_pb2.BatchDeleteResult(name=name)

        async with asyncio.TaskGroup() as group:
            deletions = [group.create_task(delete(name)) for name in request.names]
        return ingest_service_pb2.BatchDeleteMediaResponse(results=[deletion.result() for deletion in deletions])
