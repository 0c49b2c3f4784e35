"""The page of an invite's link for a browser."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from urllib.parse import parse_qsl

from dropmesh.v1 import query_service_pb2
from google.api.httpbody_pb2 import HttpBody

from services.common.base.errors import (
    FailedPrecondition,
    InvalidArgument,
    InvalidField,
    NotFound,
    PermissionDenied,
    ResourceExhausted,
)
from services.common.catalog import Position
from services.common.invites.holders import PIN, Holders, download_token, list_proof
from services.common.invites.pages import HEADERS, HTML, SentMedia, form_page, refused_page
from services.common.invites.store import Download, Invite, Invites
from services.common.media.listing.filters import MediaFilter
from services.common.media.listing.pages import MediaLists
from services.common.media.messages import holder_filename
from services.common.media.model import Media
from services.common.media.vocabulary import MediaState
from services.common.rpc.call import Call
from services.common.rpc.identity import Caller
from services.common.rpc.page_tokens import page_start, page_token
from services.common.rpc.status import error_headers, error_http_status

LISTED = 100
FORM_BYTES_MOST = 4096


class InvitePages:
    """Shows what a link takes, with a form to send it, and what its holder may download."""

    def __init__(
        self, invites: Invites, holders: Holders, lists: MediaLists, now_ns: Callable[[], int] = time.time_ns
    ) -> None:
        self._invites = invites
        self._holders = holders
        self._media_lists = lists
        self._now_ns = now_ns

    async def GetInvitePage(self, request: query_service_pb2.GetInvitePageRequest, call: Call) -> HttpBody:
        """Returns the form and the downloads; a browser gets a refusal as a page too."""
        return await _page_or_refusal(self._page(request), call)

    async def OpenInvitePage(self, request: query_service_pb2.OpenInvitePageRequest, call: Call) -> HttpBody:
        """Returns the same to who gives the PIN, with the downloads."""
        return await _page_or_refusal(self._open_page(request, call), call)

    async def _page(self, request: query_service_pb2.GetInvitePageRequest) -> bytes:
        invite = await self._invites.find_by_link(request.link)
        if invite.download is not Download.ALL:
            invite.check_usable(self._now_ns())
            return form_page(invite)
        invite.check_open(self._now_ns())
        # A list shows file names: who has not given the PIN does not see them.
        return form_page(invite) if invite.pin is not None else await self._with_downloads(invite, request)

    async def _open_page(self, request: query_service_pb2.OpenInvitePageRequest, call: Call) -> bytes:
        if len(request.form.data) > FORM_BYTES_MOST:
            raise InvalidField("form", f"must have at most {FORM_BYTES_MOST} bytes")
        form = dict(parse_qsl(request.form.data.decode(errors="replace")))
        pin = form.get("pin") or call.header(PIN)
        invite = await self._holders.admit_to_list(request.link, pin, form.get("proof", ""))
        of_page = query_service_pb2.GetInvitePageRequest(link=request.link, page_token=form.get("page_token", ""))
        return await self._with_downloads(invite, of_page)

    async def _with_downloads(self, invite: Invite, request: query_service_pb2.GetInvitePageRequest) -> bytes:
        start = page_start(request, invite.id)
        found, end = await processed_media(self._media_lists, invite, start, LISTED)
        files = tuple(
            (media.id, holder_filename(media, invite.id), download_token(invite, media.id)) for media in found
        )
        next_page = "" if end is None else page_token(request, invite.id, end)
        return form_page(invite, SentMedia(files, next_page, list_proof(invite)))


async def _page_or_refusal(making: Awaitable[bytes], call: Call) -> HttpBody:
    try:
        status, headers, page = 200, HEADERS, await making
    except (NotFound, PermissionDenied, FailedPrecondition, InvalidArgument, ResourceExhausted) as error:
        if not wants_page(call):
            raise
        status, headers = error_http_status(error), {**error_headers(error), **HEADERS}
        page = refused_page(error)
    call.answer_with(status, headers)
    return HttpBody(content_type=HTML, data=page)


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
