"""The page of an invite's link for a browser."""

from __future__ import annotations

import time
from collections.abc import Callable

from dropmesh.v1 import query_service_pb2
from google.api.httpbody_pb2 import HttpBody

from services.common.base.errors import FailedPrecondition, NotFound
from services.common.invites.pages import HEADERS, HTML, form_page, refused_page
from services.common.invites.store import Invites
from services.common.rpc.call import Call

NOT_FOUND = 404


class InvitePages:
    """Shows what a link takes, with a form to send it."""

    def __init__(self, invites: Invites, now_ns: Callable[[], int] = time.time_ns) -> None:
        self._invites = invites
        self._now_ns = now_ns

    async def GetInvitePage(self, request: query_service_pb2.GetInvitePageRequest, call: Call) -> HttpBody:
        """Returns the form; a browser gets a refusal as a page too."""
        status = 200
        try:
            invite = await self._invites.find_by_link(request.link)
            invite.check_usable(self._now_ns())
            page = form_page(invite)
        except (NotFound, FailedPrecondition) as error:
            if "text/html" not in (call.header("accept") or ""):
                raise
            status, page = error.http_status or NOT_FOUND, refused_page(error)
        call.answer_with(status, HEADERS)
        return HttpBody(content_type=HTML, data=page)
