"""Lists of media, filtered and in order."""

from __future__ import annotations

import unicodedata
from functools import partial

from dropmesh.v1 import media_pb2, query_service_pb2
from google.protobuf.timestamp_pb2 import Timestamp

from services.common.base.instants import from_timestamp
from services.common.base.labels import read_labels
from services.common.base.names import resource_id
from services.common.media.anonymize.messages import to_class
from services.common.media.listing.filters import MediaFilter, MediaOrder
from services.common.media.listing.pages import MediaLists
from services.common.media.vocabulary import MediaKind, MediaState
from services.common.rest.reads.kept import KeptAnswer, KeptAnswers
from services.common.rpc.call import Call
from services.common.rpc.page_tokens import page_size, page_start, page_token
from services.query.media.answers import MediaPage, MediaTexts


class MediaListReads:
    """Reads of lists of media."""

    def __init__(self, lists: MediaLists, texts: MediaTexts, kept: KeptAnswers) -> None:
        self._lists = lists
        self._texts = texts
        self._kept = kept

    async def ListMedia(self, request: query_service_pb2.ListMediaRequest, call: Call) -> KeptAnswer:
        """Lists the media that a caller sees."""
        return await self._kept.answer(request, call, partial(self._page, request, call))

    async def _page(self, request: query_service_pb2.ListMediaRequest, call: Call) -> MediaPage:
        call.caller.asked_owner(request.owner)
        whose = whose_list(call)
        page = await self._lists.page(
            call.caller,
            media_filter(request),
            after=page_start(request, whose),
            limit=page_size(request.page_size),
        )
        return MediaPage(page.media, "" if page.end is None else page_token(request, whose, page.end), self._texts)


def media_filter(request: query_service_pb2.ListMediaRequest) -> MediaFilter:
    """Which media a request asks for."""
    return MediaFilter(
        state=MediaState(media_pb2.Media.State.Name(request.state).lower()) if request.state else None,
        kind=MediaKind(media_pb2.Media.Kind.Name(request.kind).lower()) if request.kind else None,
        camera_model=request.camera_model or None,
        start_ns=_instant(request.start, given=request.HasField("start")),
        end_ns=_instant(request.end, given=request.HasField("end")),
        owner=request.owner or None,
        invite=resource_id(request.invite) if request.invite else None,
        sha256=request.sha256.lower() or None,
        # As file names are stored.
        filename_prefix=unicodedata.normalize("NFC", request.filename_prefix),
        object_class=to_class(request.object_class) if request.object_class else None,
        labels=read_labels(request.labels),
        order=MediaOrder(request.order_by or MediaOrder.NEWEST),
    )


def whose_list(call: Call) -> str:
    """Ties a page token to a list: an administrator's is another one than that of the same subject."""
    return f"{call.caller.owner}\0{call.caller.is_admin}"


def _instant(timestamp: Timestamp, *, given: bool) -> int | None:
    return from_timestamp(timestamp) if given else None
