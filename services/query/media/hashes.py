"""Which contents a caller has already, asked before they are sent."""

from __future__ import annotations

import asyncio

from dropmesh.v1 import query_service_pb2

from services.common.media.messages import media_name
from services.common.media.store import MediaStore
from services.common.rpc.call import Call

AT_ONCE = 32


class HashReads:
    """Looks contents up by their hash."""

    def __init__(self, media: MediaStore) -> None:
        self._hashed_media = media

    async def CheckHashes(
        self, request: query_service_pb2.CheckHashesRequest, call: Call
    ) -> query_service_pb2.CheckHashesResponse:
        """Returns which of these contents the caller has uploaded already, and are kept."""
        wanted = list(dict.fromkeys(sha256.lower() for sha256 in request.sha256))
        response = query_service_pb2.CheckHashesResponse()
        for start in range(0, len(wanted), AT_ONCE):
            some = wanted[start : start + AT_ONCE]
            newest = (self._hashed_media.newest_with(call.caller.owner, sha256) for sha256 in some)
            for sha256, media in zip(some, await asyncio.gather(*newest), strict=True):
                if media is not None:
                    response.known.add(sha256=sha256, media=media_name(media.id))
        return response
