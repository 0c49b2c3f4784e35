"""The changes that an owner makes to a media: process it again, cancel the work on it, delete it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta

from dropmesh.v1 import error_reason_pb2 as reasons
from dropmesh.v1 import ingest_service_pb2, media_pb2

from services.common.base.errors import DropmeshError, InvalidArgument, InvalidField, StoreUnavailable
from services.common.base.etags import check_etag
from services.common.base.instants import to_ns
from services.common.base.names import resource_id
from services.common.base.requests import came_before, named_request, with_request
from services.common.base.telemetry import traceparent
from services.common.catalog import PlaceTaken
from services.common.media import transitions
from services.common.media.anonymize.messages import to_options
from services.common.media.anonymize.options import AnonymizeOptions, ExcludedObject
from services.common.media.detected_objects import DetectedObject, MediaObjects
from services.common.media.file_names import plain_name
from services.common.media.messages import media_etag, media_message, media_name
from services.common.media.model import Media
from services.common.media.refusals import MediaExists
from services.common.media.store import MediaStore
from services.common.queue.outbox import Outbox
from services.common.rpc.call import Call
from services.common.rpc.identity import Caller
from services.ingest.media.cleaning import MediaCleaning

EXCLUDED_MOST = 1000


class MediaChanges:
    """Changes stored media."""

    def __init__(
        self,
        media: MediaStore,
        objects: MediaObjects,
        cleaning: MediaCleaning,
        outbox: Outbox[Media],
        *,
        purge_after: timedelta,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._media = media
        self._objects = objects
        self._cleaning = cleaning
        self._outbox = outbox
        self._purge_after_ns = to_ns(purge_after)
        self._now_ns = now_ns

    async def ProcessMedia(self, request: ingest_service_pb2.ProcessMediaRequest, call: Call) -> media_pb2.Media:
        """Processes a media again, with other options or newer models."""
        media_id = resource_id(request.name)
        media = await self._media.get(call.caller, media_id)
        named = named_request(request)
        if came_before(media.requests, named):
            return media_message(media)
        excluded = await self._excluded(media, request)
        given = to_options(request.anonymize, excluded) if request.HasField("anonymize") else None

        def options_of(found: Media) -> AnonymizeOptions | None:
            return replace(found.anonymize, excluded=excluded) if given is None and excluded else given

        def edit(found: Media) -> Media | None:
            if came_before(found.requests, named):
                return None
            changed = transitions.process_again(
                found, options_of(found), now_ns=self._now_ns(), traceparent=traceparent.get()
            )
            _check_etag(found, request.etag)
            return replace(changed, requests=with_request(found.requests, named))

        try:
            changed = await self._media.change_owned(call.caller, media_id, edit)
        except PlaceTaken:
            raise await self._taken(media, options_of(media) or media.anonymize) from None
        self._outbox.add(changed)
        return media_message(changed)

    async def UpdateMedia(self, request: ingest_service_pb2.UpdateMediaRequest, call: Call) -> media_pb2.Media:
        """Changes a media's file name and labels."""
        given = {name for name in ("filename", "labels") if getattr(request, name)}
        named = set(request.update_mask.paths) or given

        def edit(found: Media) -> Media | None:
            filename = plain_name(request.filename) if "filename" in named else None
            labels = dict(request.labels) if "labels" in named else None
            changed = transitions.update(found, filename=filename, labels=labels, now_ns=self._now_ns())
            if changed is not None:
                _check_etag(found, request.etag)
            return changed

        return media_message(await self._media.change_owned(call.caller, resource_id(request.name), edit))

    async def CancelMedia(self, request: ingest_service_pb2.CancelMediaRequest, call: Call) -> media_pb2.Media:
        """Stops the work on a media."""
        named = named_request(request)

        def edit(found: Media) -> Media | None:
            if came_before(found.requests, named):
                return None
            changed = transitions.cancel(found, now_ns=self._now_ns())
            return replace(changed, requests=with_request(found.requests, named))

        return media_message(await self._media.change_owned(call.caller, resource_id(request.name), edit))

    async def DeleteMedia(self, request: ingest_service_pb2.DeleteMediaRequest, call: Call) -> media_pb2.Media:
        """Deletes a media's bytes and keeps its record, until purge_time."""
        return media_message(await self.delete(call.caller, resource_id(request.name), request.etag))

    async def delete(self, caller: Caller, media_id: str, etag: str = "") -> Media:
        """Deletes a media of the caller's."""

        def edit(found: Media) -> Media | None:
            changed = transitions.delete(found, now_ns=self._now_ns(), purge_after_ns=self._purge_after_ns)
            if changed is not None:
                _check_etag(found, etag)
            return changed

        changed = await self._media.change_owned(caller, media_id, edit)
        if changed.unclean_since_ns is not None:
            await self._cleaning.clean(changed)
        return changed

    async def _taken(self, media: Media, options: AnonymizeOptions) -> DropmeshError:
        """Returns the error where another media of the owner has the same content and these options."""
        other = await self._media.find_by_content(media.owner, media.original.sha256, options.digest())
        if other is None:
            return StoreUnavailable("catalog", "a media with the same content and options changed at the same time")
        return MediaExists(media.id, other.id)

    async def _excluded(
        self, media: Media, request: ingest_service_pb2.ProcessMediaRequest
    ) -> tuple[ExcludedObject, ...]:
        """Returns the objects that a request excludes, those that it means by a link among them."""
        found = await self._detected(media, request.exclude_objects)
        for number in request.exclude_objects:
            if number not in found:
                raise InvalidArgument(
                    reasons.OBJECT_NOT_FOUND,
                    f"exclude_objects: {media_name(media.id)} has no object {number}",
                    metadata={"object": str(number)},
                )
        numbers = list(dict.fromkeys(request.exclude_objects))
        if request.exclude_linked:
            linked = sorted({other for one in found.values() for other in one.linked} - found.keys())
            numbers += linked
            if len(numbers) > EXCLUDED_MOST:
                problem = f"excludes {len(numbers)} objects with the linked ones; the limit is {EXCLUDED_MOST}"
                raise InvalidField("exclude_linked", problem)
            found |= await self._detected(media, linked)
        return tuple(_as_excluded(found[number]) for number in numbers)

    async def _detected(self, media: Media, numbers: Sequence[int]) -> dict[int, DetectedObject]:
        if not numbers or media.objects_run is None:
            return {}
        return await self._objects.get_many(media.id, media.objects_run, numbers)


def _as_excluded(found: DetectedObject) -> ExcludedObject:
    # In a video the box is where the object was when its score was highest: its time is that of the track there.
    times = [point.time_ns for point in found.track if point.box == found.box]
    return ExcludedObject(found.number, found.object_class, found.box, times[0] if times else None)


def _check_etag(media: Media, given: str) -> None:
    check_etag(given, media_etag(media), media_name(media.id))
