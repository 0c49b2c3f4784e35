"""Lists and downloads for the holder of an invite's link."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable

from dropmesh.v1 import query_service_pb2
from google.api.httpbody_pb2 import HttpBody

from services.common.base.names import resource_id
from services.common.invites.holders import PIN, Holders, check_download, download_refused
from services.common.invites.store import Download
from services.common.media.listing.filters import MediaFilter
from services.common.media.listing.pages import MediaLists
from services.common.media.messages import holder_message
from services.common.media.refusals import MediaDeleted
from services.common.media.store import MediaStore, media_not_found
from services.common.media.vocabulary import MediaState
from services.common.rpc.call import Call
from services.common.rpc.identity import Caller
from services.common.rpc.page_tokens import page_size, page_start, page_token
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
        owner = Caller(invite.owner, invite.owner, frozenset())
        wanted = MediaFilter(state=MediaState.PROCESSED, invite=invite.id)
        start = page_start(request, invite.id)
        page = await self._lists_of_invites.page(owner, wanted, after=start, limit=page_size(request.page_size))
        response = query_service_pb2.ListInviteMediaResponse()
        for media in page.media:
            message = holder_message(media)
            message.filename = media.filename
            response.media.append(message)
        if page.end is not None:
            response.next_page_token = page_token(request, invite.id, page.end)
        return response

    async def DownloadInviteMedia(
        self, request: query_service_pb2.DownloadInviteMediaRequest, call: Call
    ) -> AsyncIterator[HttpBody]:
        """Sends the anonymized bytes of a media that came through an invite."""
        invite = await self._holders.admit(request.link, call.header(PIN))
        media_id = resource_id(request.name)
        check_download(invite, media_id, request.token, self._holders_now_ns())
        media = await self._sent_media.find(media_id)
        if media is None or media.owner != invite.owner or invite.id not in media.invites:
            raise media_not_found(media_id)
        if media.is_deleted:
            raise MediaDeleted(media_id)
        async for body in self._downloads.send_anonymized(media, request, call):
            yield body
