"""Reads of the sources of measurements."""

from __future__ import annotations

from dropmesh.v1 import query_service_pb2, source_pb2

from services.common.base.errors import PageTokenInvalid
from services.common.catalog import Position
from services.common.drops.messages import source_message
from services.common.drops.names import named_source
from services.common.drops.sources import Sources, source_not_found
from services.common.rpc.call import Call
from services.common.rpc.page_tokens import page_size, page_start, page_token


class SourceReads:
    """Reads of sources."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources

    async def GetSource(self, request: query_service_pb2.GetSourceRequest, call: Call) -> source_pb2.Source:
        """Returns one source."""
        named = named_source(request.name, call.caller)
        source = await self._sources.get(named.owner, named.source) if call.caller.may_use(named.owner) else None
        if source is None:
            raise source_not_found(request.name)
        return source_message(source, call.caller.owner)

    async def ListSources(
        self, request: query_service_pb2.ListSourcesRequest, call: Call
    ) -> query_service_pb2.ListSourcesResponse:
        """Lists sources by id."""
        owner = call.caller.asked_owner(request.owner)
        page, end = await self._sources.list(
            owner, after=_after(page_start(request, owner)), limit=page_size(request.page_size)
        )
        return query_service_pb2.ListSourcesResponse(
            sources=(source_message(one, call.caller.owner) for one in page),
            next_page_token="" if end is None else page_token(request, owner, (end,)),
        )


def _after(start: Position | None) -> str | None:
    match start:
        case None:
            return None
        case (str(source),):
            return source
        case _:
            raise PageTokenInvalid
