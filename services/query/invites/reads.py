"""Reads of invites, and what the holder of a link may know."""

from __future__ import annotations

import time
from collections.abc import Callable

from dropmesh.v1 import invite_pb2, media_pb2, query_service_pb2

from services.common.base.names import resource_id
from services.common.invites.holders import PIN, Holders
from services.common.invites.messages import invite_message
from services.common.invites.store import Invites
from services.common.media.messages import holder_message
from services.common.media.store import MediaStore, media_not_found
from services.common.rpc.call import Call
from services.common.rpc.page_tokens import page_size, page_start, page_token
from services.query.media.lists import whose_list


class InviteReads:
    """Reads of invites."""

    def __init__(self, invites: Invites, media: MediaStore, now_ns: Callable[[], int] = time.time_ns) -> None:
        self._invites = invites
        self._holders = Holders(invites, now_ns)
        self._invite_media = media
        self._now_ns = now_ns

    async def GetInvite(self, request: query_service_pb2.GetInviteRequest, call: Call) -> invite_pb2.Invite:
        """Returns one invite."""
        invite = await self._invites.get(call.caller, resource_id(request.name))
        return invite_message(invite, self._now_ns())

    async def ListInvites(
        self, request: query_service_pb2.ListInvitesRequest, call: Call
    ) -> query_service_pb2.ListInvitesResponse:
        """Lists the caller's invites, newest first."""
        whose = whose_list(call)
        found, end = await self._invites.list(
            call.caller, after=page_start(request, whose), limit=page_size(request.page_size)
        )
        now_ns = self._now_ns()
        return query_service_pb2.ListInvitesResponse(
            invites=[invite_message(invite, now_ns) for invite in found],
            next_page_token="" if end is None else page_token(request, whose, end),
        )

    async def GetInviteMedia(self, request: query_service_pb2.GetInviteMediaRequest, call: Call) -> media_pb2.Media:
        """Returns, to the holder of an invite's link, the state of a media that came through it, and nothing else."""
        invite = await self._holders.admit(request.link, call.header(PIN))
        media_id = resource_id(request.name)
        media = await self._invite_media.find(media_id)
        if media is None or media.owner != invite.owner or invite.id not in media.invites:
            raise media_not_found(media_id)
        return holder_message(media)
