"""Reads of a media: as it is, as it changes, and what was found in it."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable

from dropmesh.v1 import media_pb2, query_service_pb2

from services.common.base.names import resource_id
from services.common.media.detected_objects import MediaObjects
from services.common.media.messages import is_settled, object_message
from services.common.media.model import Media
from services.common.media.store import MediaStore
from services.common.rest.json import LINES_OF_JSON
from services.common.rest.reads.kept import KeptAnswer, KeptAnswers
from services.common.rpc.call import Call
from services.common.rpc.page_tokens import page_size, page_start, page_token
from services.query.events.hub import EventHub
from services.query.media.answers import MediaTexts, OneMedia
from services.query.media.forecast import WorkForecast

REMINDER_SECONDS = 60.0


class MediaReads:
    """Reads of one media."""

    def __init__(
        self,
        media: MediaStore,
        objects: MediaObjects,
        hub: EventHub,
        texts: MediaTexts,
        kept: KeptAnswers,
        *,
        reminder_seconds: float = REMINDER_SECONDS,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._media = media
        self._media_objects = objects
        self._hub = hub
        self._texts = texts
        self._kept = kept
        self._forecast = WorkForecast(media, now_ns)
        self._reminder_seconds = reminder_seconds

    async def GetMedia(self, request: query_service_pb2.GetMediaRequest, call: Call) -> KeptAnswer:
        """Returns one media."""

        async def read() -> OneMedia:
            return await self._shown(await self._media.get(call.caller, resource_id(request.name)))

        # When one that waits is expected to be done depends on the time.
        return await self._kept.answer(request, call, read, lasts=lambda shown: is_settled(shown.media))

    async def WatchMedia(
        self, request: query_service_pb2.WatchMediaRequest, call: Call
    ) -> AsyncIterator[media_pb2.Media]:
        """Streams the media at once, on every change and every 60 s, until it is in a final state."""
        media_id = resource_id(request.name)
        async with self._hub.watch(media_id) as watch:
            media = await self._media.get(call.caller, media_id)
            call.answer_with(200, LINES_OF_JSON)
            yield (await self._shown(media)).message()
            while not is_settled(media):
                shown = await watch.next(self._reminder_seconds)
                if shown is None:
                    shown = await self._media.get(call.caller, media_id)
                elif shown.revision <= media.revision:
                    continue
                media = shown
                yield (await self._shown(media)).message()

    async def ListMediaObjects(
        self, request: query_service_pb2.ListMediaObjectsRequest, call: Call
    ) -> query_service_pb2.ListMediaObjectsResponse:
        """Lists the objects found in a media."""
        media = await self._media.get(call.caller, resource_id(request.name))
        # Processed anew, the media has other objects: a token of the old list is none of the new one.
        whose = f"{call.caller.owner}/{media.objects_run}"
        after = page_start(request, whose)
        if media.objects_run is None or media.is_deleted:
            return query_service_pb2.ListMediaObjectsResponse()
        found, end = await self._media_objects.list(
            media.id, media.objects_run, after=after, limit=page_size(request.page_size)
        )
        return query_service_pb2.ListMediaObjectsResponse(
            objects=map(object_message, found),
            next_page_token="" if end is None else page_token(request, whose, end),
        )

    async def _shown(self, media: Media) -> OneMedia:
        """A media, with the time at which it is expected to be done."""
        return OneMedia(media, await self._forecast.end_ns(media), self._texts)
