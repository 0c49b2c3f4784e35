"""Reads of erasures."""

from __future__ import annotations

from dropmesh.v1 import erasure_pb2, query_service_pb2

from services.common.base.names import resource_id
from services.common.erasures.messages import erasure_message
from services.common.erasures.store import Erasures
from services.common.rpc.call import Call
from services.common.rpc.page_tokens import page_size, page_start, page_token

EVERY_OWNER = "erasures"


class ErasureReads:
    """Reads erasures and their certificates."""

    def __init__(self, erasures: Erasures) -> None:
        self._erasures = erasures

    async def GetErasure(self, request: query_service_pb2.GetErasureRequest, call: Call) -> erasure_pb2.Erasure:
        """Returns one erasure."""
        return erasure_message(await self._erasures.get(resource_id(request.name)))

    async def ListErasures(
        self, request: query_service_pb2.ListErasuresRequest, call: Call
    ) -> query_service_pb2.ListErasuresResponse:
        """Lists erasures, newest first."""
        page, end = await self._erasures.newest(
            after=page_start(request, EVERY_OWNER), limit=page_size(request.page_size)
        )
        return query_service_pb2.ListErasuresResponse(
            erasures=map(erasure_message, page),
            next_page_token="" if end is None else page_token(request, EVERY_OWNER, end),
        )
