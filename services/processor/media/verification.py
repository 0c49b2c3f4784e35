"""Processes a media again, to compare the result with what is stored."""

from __future__ import annotations

import tempfile
from datetime import timedelta
from pathlib import Path

from dropmesh.v1 import processor_service_pb2

from services.common.base.errors import DataLoss
from services.common.base.names import resource_id
from services.common.media.model import Content
from services.common.media.refusals import MediaNotProcessed, anonymized_content, check_original_kept
from services.common.media.store import MediaStore
from services.common.media.vocabulary import MediaState
from services.common.objects import Objects
from services.common.objects.checking import check, fetch, sha256_of
from services.common.rpc.call import Call
from services.common.workers.pool import ProcessPool
from services.processor.media.job_results import Limits
from services.processor.media.jobs import Tools, anonymize_media


class MediaChecks:
    """Verifies media."""

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

    async def VerifyMedia(
        self, request: processor_service_pb2.VerifyMediaRequest, call: Call
    ) -> processor_service_pb2.VerifyMediaResponse:
        """Processes the original again and compares the bytes."""
        media = await self._media.get(call.caller, resource_id(request.name))
        check_original_kept(media)
        if media.state is not MediaState.PROCESSED:
            # The earlier anonymized content, if there is one, may be of other options.
            raise MediaNotProcessed(media.id, media.state)
        stored = anonymized_content(media)
        response = processor_service_pb2.VerifyMediaResponse(
            anonymized_agrees=await self._is_whole(stored), stored_sha256=stored.sha256
        )
        with tempfile.TemporaryDirectory(dir=self._folder) as name:
            source, target = Path(name) / "original", Path(name) / "anonymized"
            try:
                await fetch(self._objects, media.original.object_key, source, media.original.sha256)
            except DataLoss:
                return response
            response.original_agrees = True
            result = await self._pool.run(
                anonymize_media,
                media.kind,
                source,
                target,
                media.anonymize,
                self._limits,
                time_limit=self._time_limit,
                is_long=media.is_moving,
            )
            response.computed_sha256 = await sha256_of(target)
        response.models_agree = result.findings.models == media.processing.models
        response.result_agrees = response.computed_sha256 == stored.sha256
        response.agrees = response.anonymized_agrees and response.result_agrees
        return response

    async def _is_whole(self, content: Content) -> bool:
        try:
            await check(self._objects, content.object_key, content.size_bytes, content.sha256)
        except DataLoss:
            return False
        return True
