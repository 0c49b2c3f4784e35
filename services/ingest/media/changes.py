"""What an owner does to a media: have it processed anew, cancel the work on it, delete it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta

from dropmesh.v1 import error_reason_pb2 as reasons
from dropmesh.v1 import ingest_service_pb2, media_pb2

from services.common.base.errors import Aborted, FailedPrecondition, InvalidArgument
from services.common.base.names import resource_id
from services.common.media.anonymize_messages import to_options
from services.common.media.cleaning import MediaCleaning
from services.common.media.detected_objects import DetectedObject, MediaObjects
from services.common.media.failures import failure_of
from services.common.media.messages import etag, media_message, media_name
from services.common.media.model import ExcludedObject, Media, Processing
from services.common.media.store import MediaStore, seen
from services.common.media.vocabulary import MediaState
from services.common.media.work import UNFINISHED
from services.common.rpc.call import Call
from services.ingest.media.outbox import MediaOutbox


class MediaChanges:
    """Changes stored media."""

    def __init__(
        self,
        media: MediaStore,
        objects: MediaObjects,
        cleaning: MediaCleaning,
        outbox: MediaOutbox,
        *,
        purge_after: timedelta,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._media = media
        self._media_objects = objects
        self._media_cleaning = cleaning
        self._media_outbox = outbox
        self._purge_after_ns = purge_after // timedelta(microseconds=1) * 1000
        self._changes_now_ns = now_ns

    async def ProcessMedia(self, request: ingest_service_pb2.ProcessMediaRequest, call: Call) -> media_pb2.Media:
        """Processes a media again, with other options or newer models."""
        media_id = resource_id(request.name)
        media = await self._media.get(call.caller, media_id)
        options = None
        if request.HasField("anonymize"):
            options = to_options(request.anonymize, await self._excluded(media, request.anonymize.exclude_objects))

        def edit(found: Media) -> Media:
            _check_there(found)
            _check_etag(found, request.etag)
            now_ns = self._changes_now_ns()
            return seen(
                found,
                now_ns,
                state=MediaState.NEW,
                run=found.run + 1,
                anonymize=found.anonymize if options is None else options,
                processing=Processing(),
                unqueued_since_ns=now_ns,
            )

        changed = await self._media.change_owned(call.caller, media_id, edit)
        self._media_outbox.add(changed)
        return media_message(changed)

    async def CancelMedia(self, request: ingest_service_pb2.CancelMediaRequest, call: Call) -> media_pb2.Media:
        """Stops the work on a media."""

        def edit(found: Media) -> Media:
            _check_there(found)
            if found.state not in UNFINISHED:
                name, state = media_name(found.id), found.state.upper()
                raise FailedPrecondition(
                    reasons.MEDIA_NOT_PROCESSING,
                    f"there is no work on {name} to be cancelled: it is {state}",
                    metadata={"name": name, "state": state},
                )
            now_ns = self._changes_now_ns()
            cancelled = FailedPrecondition(reasons.PROCESSING_CANCELLED, "the work was cancelled by its owner")
            return seen(
                found,
                now_ns,
                state=MediaState.FAILED,
                run=found.run + 1,
                processing=replace(found.processing, end_time_ns=now_ns, error=failure_of(cancelled)),
                unqueued_since_ns=None,
                unclean_since_ns=now_ns,
            )

        changed = await self._media.change_owned(call.caller, resource_id(request.name), edit)
        return media_message(changed)

    async def DeleteMedia(self, request: ingest_service_pb2.DeleteMediaRequest, call: Call) -> media_pb2.Media:
        """Deletes a media's bytes and keeps its record, until purge_time."""

        def edit(found: Media) -> Media | None:
            if found.is_deleted:
                return None
            _check_etag(found, request.etag)
            return _deleted(found, self._changes_now_ns(), self._purge_after_ns)

        changed = await self._media.change_owned(call.caller, resource_id(request.name), edit)
        if changed.unclean_since_ns is not None:
            await self._media_cleaning.clean(changed)
        return media_message(changed)

    async def _excluded(self, media: Media, numbers: Sequence[int]) -> list[ExcludedObject]:
        if not numbers:
            return []
        found: dict[int, DetectedObject] = {}
        if media.objects_run is not None:
            found = await self._media_objects.get_many(media.id, media.objects_run, numbers)
        for number in numbers:
            if number not in found:
                raise InvalidArgument(
                    reasons.OBJECT_NOT_FOUND,
                    f"anonymize.exclude_objects: {media_name(media.id)} has no object {number}",
                    metadata={"object": str(number)},
                )
        return [_as_excluded(found[number]) for number in numbers]


def _deleted(media: Media, now_ns: int, purge_after_ns: int) -> Media:
    held = [content for content in (media.original, media.anonymized) if content is not None]
    return seen(
        media,
        now_ns,
        state=MediaState.DELETED,
        run=media.run + 1,
        delete_time_ns=now_ns,
        purge_time_ns=now_ns + purge_after_ns,
        anonymized=None,
        # Where it was taken tells of a person as the picture does.
        metadata=replace(media.metadata, latitude_degrees=None, longitude_degrees=None, altitude_meters=None),
        object_counts={},
        labels=(),
        leftovers=(*media.leftovers, *held),
        clean_run=media.clean_run if media.objects_run is None else min(media.clean_run, media.objects_run),
        unqueued_since_ns=None,
        unclean_since_ns=now_ns,
    )


def _as_excluded(found: DetectedObject) -> ExcludedObject:
    # In a video the box is where the object was when its score was highest: its time is that of the track there.
    times = [point.time_ns for point in found.track if point.box == found.box]
    return ExcludedObject(found.number, found.object_class, found.box, times[0] if times else None)


def _check_there(media: Media) -> None:
    if media.is_deleted:
        name = media_name(media.id)
        raise FailedPrecondition(reasons.MEDIA_DELETED, f"{name} was deleted", metadata={"name": name}, http_status=410)


def _check_etag(media: Media, given: str) -> None:
    if given and given.strip('"') != etag(media):
        raise Aborted(
            reasons.ETAG_MISMATCH,
            f"etag: {media_name(media.id)} changed since {given}",
            metadata={"etag": etag(media)},
        )
