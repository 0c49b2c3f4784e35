"""A media as the contract shows it."""

from __future__ import annotations

from dataclasses import fields
from operator import attrgetter

from dropmesh.v1 import error_reason_pb2 as reasons
from dropmesh.v1 import media_pb2, model_pb2, object_pb2
from google.rpc.status_pb2 import Status

from services.common.base.errors import Code, DropmeshError
from services.common.base.etags import etag_of
from services.common.base.instants import SECOND_NS, to_duration, to_timestamp
from services.common.base.names import resource_name
from services.common.media.anonymize.messages import class_number, count_messages, options_message
from services.common.media.anonymize.region_messages import box_message, point_message
from services.common.media.detected_objects import DetectedObject
from services.common.media.model import Content, Failure, Media, MediaWarning, Metadata, Processing
from services.common.media.types import MEDIA_TYPE_BY_FORMAT
from services.common.media.vocabulary import UNFINISHED
from services.common.rpc.status import error_status

# The fields of a media's metadata that the contract has by the same name; the others have a unit or a message there.
_SAME_FIELDS = tuple(
    field.name for field in fields(Metadata) if field.name in media_pb2.MediaMetadata.DESCRIPTOR.fields_by_name
)
_same_values = attrgetter(*_SAME_FIELDS)


def media_name(media_id: str) -> str:
    """The resource name of a media."""
    return resource_name("media", media_id)


def state_number(state: str) -> media_pb2.Media.State.ValueType:
    """A state in the contract."""
    return media_pb2.Media.State.Value(state.upper())


def media_message(media: Media) -> media_pb2.Media:
    """All that its owner sees of a media."""
    message = media_pb2.Media(
        name=media_name(media.id),
        etag=media_etag(media),
        state=state_number(media.state),
        kind=media_pb2.Media.Kind.Value(media.kind.upper()),
        owner=media.owner,
        sender_name=media.sender_name,
        filename=media.filename,
        create_time=to_timestamp(media.create_time_ns),
        update_time=to_timestamp(media.update_time_ns),
        original=content_message(media.original),
        metadata=metadata_message(media.metadata),
        warnings=map(warning_message, media.warnings),
        anonymize=options_message(media.anonymize),
        processing=processing_message(media.processing),
        object_counts=count_messages(list(media.object_counts.items())),
        class_labels=[object_pb2.Label(label=label.label, score=label.score) for label in media.class_labels],
        labels=media.labels,
    )
    # Where its owner had it first, no later invite is the one through which it came.
    if media.invites and media.sent_filename != "":
        message.invite = resource_name("invites", media.invites[0])
    if media.anonymized is not None:
        message.anonymized.CopyFrom(content_message(media.anonymized))
    if media.delete_time_ns is not None:
        message.delete_time.CopyFrom(to_timestamp(media.delete_time_ns))
    if media.original_delete_time_ns is not None:
        message.original_delete_time.CopyFrom(to_timestamp(media.original_delete_time_ns))
    if media.anonymized_delete_time_ns is not None:
        message.anonymized_delete_time.CopyFrom(to_timestamp(media.anonymized_delete_time_ns))
    if media.purge_time_ns is not None:
        message.purge_time.CopyFrom(to_timestamp(media.purge_time_ns))
    return message


def holder_message(media: Media) -> media_pb2.Media:
    """Returns a media for the holder of an invite's link: its name, its state, and what is covered and how."""
    return media_pb2.Media(
        name=media_name(media.id), state=state_number(media.state), anonymize=options_message(media.anonymize)
    )


def holder_filename(media: Media, invite_id: str) -> str:
    """The file name for the holders of an invite's link: the one that came through it, never another's."""
    if media.sent_filename and media.invites[0] == invite_id:
        return media.sent_filename
    return f"{media.id}.{MEDIA_TYPE_BY_FORMAT[media.original.format].extension}"


def media_etag(media: Media) -> str:
    """Returns a tag that changes with each change of a media."""
    return etag_of(media.revision)


def is_settled(media: Media) -> bool:
    """Whether a media is in a final state: PROCESSED, FAILED, CANCELLED or DELETED."""
    return media.state not in UNFINISHED


def content_message(content: Content) -> media_pb2.Content:
    """Bytes that can be downloaded."""
    return media_pb2.Content(
        format=content.format,
        content_type=content.content_type,
        size_bytes=content.size_bytes,
        sha256=content.sha256,
    )


def metadata_message(metadata: Metadata) -> media_pb2.MediaMetadata:
    """Returns the metadata of a media."""
    values = zip(_SAME_FIELDS, _same_values(metadata), strict=True)
    message = media_pb2.MediaMetadata(**{name: value for name, value in values if value is not None})
    if metadata.rotation_degrees is not None:
        message.rotation = metadata.rotation_degrees
    if metadata.capture_time_ns is not None:
        message.capture_time.CopyFrom(to_timestamp(metadata.capture_time_ns))
    if metadata.duration_seconds is not None:
        message.duration.CopyFrom(to_duration(round(metadata.duration_seconds * SECOND_NS)))
    if metadata.latitude_degrees is not None and metadata.longitude_degrees is not None:
        message.location.CopyFrom(
            media_pb2.Location(
                latitude=metadata.latitude_degrees,
                longitude=metadata.longitude_degrees,
                altitude=metadata.altitude_meters,
            )
        )
    return message


def warning_message(warning: MediaWarning) -> media_pb2.MediaWarning:
    """A warning in the contract."""
    message = media_pb2.MediaWarning(
        reason=media_pb2.MediaWarning.Reason.Value(warning.reason.upper()),
        message=warning.message,
        recall=warning.recall,
        model=warning.model,
        advice=warning.advice,
        smallest_pixels=warning.smallest_pixels,
    )
    if warning.object_class is not None:
        message.object_class = class_number(warning.object_class)
    return message


def processing_message(processing: Processing) -> media_pb2.Processing:
    """How far the work is, or how it went."""
    message = media_pb2.Processing(
        progress=processing.progress,
        frames_done=processing.frames_done,
        frames_total=processing.frames_total,
        attempt=processing.attempt,
        models=[
            model_pb2.ModelVersion(model=resource_name("models", used.model), version=used.version, sha256=used.sha256)
            for used in processing.models
        ],
        steps=[
            media_pb2.StepDuration(step=step.step, duration=to_duration(step.duration_ns)) for step in processing.steps
        ],
    )
    if processing.start_time_ns is not None:
        message.start_time.CopyFrom(to_timestamp(processing.start_time_ns))
    if processing.end_time_ns is not None:
        message.end_time.CopyFrom(to_timestamp(processing.end_time_ns))
    if processing.error is not None:
        message.error.CopyFrom(failure_status(processing.error))
    return message


def failure_status(failure: Failure) -> Status:
    """The status that a call would have answered with."""
    return error_status(_StoredError(failure))


class _StoredError(DropmeshError):
    def __init__(self, failure: Failure) -> None:
        self.code = Code(failure.code)  # type: ignore[misc]
        super().__init__(reasons.ErrorReason.Value(failure.reason), failure.message, metadata=failure.metadata)


def object_message(found: DetectedObject) -> object_pb2.DetectedObject:
    """One detected object."""
    return object_pb2.DetectedObject(
        id=found.number,
        object_class=class_number(found.object_class),
        score=found.score,
        box=box_message(found.box),
        track=[point_message(point) for point in found.track],
        linked_objects=found.linked,
    )
