"""Lists and downloads for the holder of an invite's link."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

from dropmesh.v1 import query_service_pb2
from google.api.httpbody_pb2 import HttpBody

from services.common.base.errors import FailedPrecondition, NotFound, PermissionDenied
from services.common.base.names import resource_id
from services.common.invites.holders import PIN, Holders, download_refused
from services.common.invites.pages import HEADERS, HTML, refused_page
from services.common.invites.store import Download
from services.common.media.listing.pages import MediaLists
from services.common.media.messages import holder_filename, holder_message
from services.common.media.model import Media
from services.common.media.refusals import MediaDeleted
from services.common.media.store import MediaStore, media_not_found
from services.common.rpc.call import Call
from services.common.rpc.page_tokens import page_size, page_start, page_token
from services.common.rpc.status import error_http_status
from services.query.invites.page import processed_media, wants_page
from services.query.media.downloads import Downloads


class InviteDownloads:
    """Sends anonymized contents to the holders of links."""

    def __init__(
        self,
        holders: Holders,
        media: MediaStore,
        lists: MediaLists,
        downloads: Downloads,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._holders = holders
        self._sent_media = media
        self._lists_of_invites = lists
        self._downloads = downloads
        self._holders_now_ns = now_ns

    async def ListInviteMedia(
        self, request: query_service_pb2.ListInviteMediaRequest, call: Call
    ) -> query_service_pb2.ListInviteMediaResponse:
        """Lists what is processed of what came through an invite, if its holder may download all."""
        invite = await self._holders.admit(request.link, call.header(PIN))
        invite.check_open(self._holders_now_ns())
        if invite.download is not Download.ALL:
            raise download_refused(invite)
        start = page_start(request, invite.id)
        found, end = await processed_media(self._lists_of_invites, invite, start, page_size(request.page_size))
        response = query_service_pb2.ListInviteMediaResponse()
        for media in found:
            message = holder_message(media)
            message.filename = holder_filename(media, invite.id)
            response.media.append(message)
        if end is not None:
            response.next_page_token = page_token(request, invite.id, end)
        return response

    async def DownloadInviteMedia(
        self, request: query_service_pb2.DownloadInviteMediaRequest, call: Call
    ) -> AsyncIterator[HttpBody]:
        """Sends the anonymized bytes of a media that came through an invite."""
        try:
            media = await self._allowed(request, call)
            async for body in self._downloads.send_anonymized(media, request, call):
                yield body
        except (NotFound, PermissionDenied, FailedPrecondition) as refusal:
            if not wants_page(call):
                raise
            call.answer_with(error_http_status(refusal), HEADERS)
            yield HttpBody(content_type=HTML, data=refused_page(refusal, back="../../media"))

    async def _allowed(self, request: query_service_pb2.DownloadInviteMediaRequest, call: Call) -> Media:
        media_id = resource_id(request.name)
        invite = await self._holders.admit_to(request.link, call.header(PIN), media_id, request.token)
        media = await self._sent_media.find(media_id)
        if media is None or media.owner != invite.owner or invite.id not in media.invites:
            raise media_not_found(media_id)
        if media.is_deleted:
            raise MediaDeleted(media_id)
        return replace(media, filename=holder_filename(media, invite.id))
