"""The page of an invite's link for a browser."""

from __future__ import annotations

import time
from collections.abc import Callable

from dropmesh.v1 import query_service_pb2
from google.api.httpbody_pb2 import HttpBody

from services.common.base.errors import FailedPrecondition, InvalidArgument, NotFound
from services.common.catalog import Position
from services.common.invites.pages import HEADERS, HTML, SentMedia, form_page, refused_page
from services.common.invites.store import Download, Invite, Invites
from services.common.media.listing.filters import MediaFilter
from services.common.media.listing.pages import MediaLists
from services.common.media.model import Media
from services.common.media.vocabulary import MediaState
from services.common.rpc.call import Call
from services.common.rpc.identity import Caller
from services.common.rpc.page_tokens import page_start, page_token
from services.common.rpc.status import error_http_status

LISTED = 100


class InvitePages:
    """Shows what a link takes, with a form to send it, and what its holder may download."""

    def __init__(self, invites: Invites, lists: MediaLists, now_ns: Callable[[], int] = time.time_ns) -> None:
        self._invites = invites
        self._media_lists = lists
        self._now_ns = now_ns

    async def GetInvitePage(self, request: query_service_pb2.GetInvitePageRequest, call: Call) -> HttpBody:
        """Returns the form and the downloads; a browser gets a refusal as a page too."""
        status = 200
        try:
            page = await self._page(request)
        except (NotFound, FailedPrecondition, InvalidArgument) as error:
            if not wants_page(call):
                raise
            status, page = error_http_status(error), refused_page(error)
        call.answer_with(status, HEADERS)
        return HttpBody(content_type=HTML, data=page)

    async def _page(self, request: query_service_pb2.GetInvitePageRequest) -> bytes:
        invite = await self._invites.find_by_link(request.link)
        invite.check_open(self._now_ns())
        # A list shows file names: who has no PIN yet does not see them.
        if invite.download is not Download.ALL or invite.pin is not None:
            invite.check_usable(self._now_ns())
            return form_page(invite)
        start = page_start(request, invite.id)
        media, end = await processed_media(self._media_lists, invite, start, LISTED)
        next_page = "" if end is None else page_token(request, invite.id, end)
        return form_page(invite, SentMedia(tuple((one.id, one.filename) for one in media), next_page))


def wants_page(call: Call) -> bool:
    """Whether a browser asks, which shows a page to a person."""
    return "text/html" in (call.header("accept") or "")


async def processed_media(
    lists: MediaLists, invite: Invite, after: Position | None, limit: int
) -> tuple[list[Media], Position | None]:
    """Some of the processed media that came through an invite, newest first, and where the next ones start."""
    owner = Caller(invite.owner, invite.owner, frozenset())
    wanted = MediaFilter(state=MediaState.PROCESSED, invite=invite.id)
    page = await lists.page(owner, wanted, after=after, limit=limit)
    return page.media, page.end
