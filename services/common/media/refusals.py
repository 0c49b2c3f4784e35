"""The errors of media: bytes that are refused, and changes or reads that a media's state does not allow."""

from __future__ import annotations

from collections.abc import Sequence

from dropmesh.v1 import error_reason_pb2

from services.common.base.errors import (
    UNKNOWN_FIELD,
    AlreadyExists,
    FailedPrecondition,
    FieldViolation,
    InvalidArgument,
)
from services.common.base.names import resource_name
from services.common.base.timestamps import format_timestamp
from services.common.media.model import Content, Media
from services.common.media.vocabulary import MediaState

ACRONYM_LETTERS = 4
NAME_SHOWN = 100


class MediaRefused(InvalidArgument):
    """The base of every refusal: sending the same bytes again does not help."""


class UnsupportedMedia(MediaRefused):
    """The bytes are of no accepted type; `found` names what they are."""

    def __init__(self, found: str, accepted: str) -> None:
        super().__init__(
            error_reason_pb2.MEDIA_TYPE_UNSUPPORTED,
            f"unsupported type: found {found}; accepted are {accepted}",
            metadata={"found": found},
            http_status=415,
        )
        self.found = found


class EmptyMedia(MediaRefused):
    """The file has no bytes."""

    def __init__(self) -> None:
        super().__init__(error_reason_pb2.MEDIA_EMPTY, "the file is empty")


class DamagedMedia(MediaRefused):
    """The type is accepted, but nothing of it can be read."""

    def __init__(self, format: str, problem: str) -> None:
        super().__init__(
            error_reason_pb2.MEDIA_UNREADABLE,
            f"the {format.upper() if len(format) <= ACRONYM_LETTERS else format} cannot be read: {problem}",
            metadata={"format": format},
        )
        self.problem = problem


class MediaTooLarge(MediaRefused):
    """More bytes than the media's kind may have."""

    def __init__(self, kind: str, limit_bytes: int) -> None:
        super().__init__(
            error_reason_pb2.MEDIA_TOO_LARGE,
            f"the {kind} is larger than the limit of {limit_bytes} bytes (max_{kind}_bytes)",
            metadata={"limit_bytes": str(limit_bytes), "kind": kind},
            http_status=413,
        )
        self.limit_bytes = limit_bytes


class TooManyPixels(MediaRefused):
    """More pixels than are taken; `pixels` is None where the header was refused before they were counted."""

    def __init__(self, limit_pixels: int, pixels: int | None) -> None:
        found = "more" if pixels is None else f"{pixels / 1e6:g} megapixels"
        limit = f"{limit_pixels / 1e6:g} megapixels"
        super().__init__(
            error_reason_pb2.MEDIA_TOO_LONG_OR_WIDE,
            f"the picture has {found}; the limit is {limit} (max_megapixels)",
            metadata={"limit": limit, "found": found},
        )
        self.limit_pixels = limit_pixels
        self.pixels = pixels


class MultipartMalformed(MediaRefused):
    """The body is not the multipart/form-data that its content type announces, or passes a bound."""

    def __init__(self, cause: str) -> None:
        super().__init__(
            error_reason_pb2.MULTIPART_MALFORMED,
            f"the multipart/form-data body cannot be read: {cause}",
            metadata={"cause": cause},
        )


class BodyInterrupted(MediaRefused):
    """The body ended before its end was seen."""

    def __init__(self) -> None:
        super().__init__(
            error_reason_pb2.BODY_INTERRUPTED, "the body ended early; its last file was not stored; send it again"
        )


class MediaTooLong(MediaRefused):
    """A video of more seconds or frames, or an animation of more frames, than are taken."""

    def __init__(self, limit: str, found: str, setting: str | None = None) -> None:
        super().__init__(
            error_reason_pb2.MEDIA_TOO_LONG_OR_WIDE,
            f"the media has {found}; the limit is {limit}" + (f" ({setting})" if setting else ""),
            metadata={"limit": limit, "found": found},
        )


class HashMismatch(MediaRefused):
    """The bytes are not those whose hash was given."""

    def __init__(self, expected: str, actual: str) -> None:
        super().__init__(
            error_reason_pb2.SHA256_MISMATCH,
            f"sha256: expected {expected}, but the received bytes have {actual}; nothing was stored; send them again",
            metadata={"expected": expected, "actual": actual},
        )


class UnknownFormField(InvalidArgument):
    """A form of an upload has a field that is no file and no option."""

    def __init__(self, name: str, known: Sequence[str]) -> None:
        fault = (
            "this form has no such field" if name else "a field of the form has no name"
        ) + f"; beside files it may have {', '.join(known[:-1])} and {known[-1]}"
        shown = name[:NAME_SHOWN] or "form"
        super().__init__(
            error_reason_pb2.REQUEST_MALFORMED,
            f"{shown}: {fault}",
            metadata={"field": shown},
            violations=[FieldViolation(shown, fault, UNKNOWN_FIELD)],
        )


class TooManyLabels(InvalidArgument):
    """A media would have more labels than the limit."""

    def __init__(self, limit: int) -> None:
        super().__init__(
            error_reason_pb2.INVALID_FIELD,
            f"labels: the media would have more than {limit} labels",
            metadata={"field": "labels"},
        )


class MediaDeleted(FailedPrecondition):
    """The bytes are gone, and only the record is left."""

    def __init__(self, media_id: str) -> None:
        name = resource_name("media", media_id)
        super().__init__(
            error_reason_pb2.MEDIA_DELETED, f"{name} was deleted", metadata={"name": name}, http_status=410
        )


class MediaNotProcessed(FailedPrecondition):
    """There is no anonymized content yet."""

    def __init__(self, media_id: str, state: MediaState) -> None:
        name = resource_name("media", media_id)
        super().__init__(
            error_reason_pb2.MEDIA_NOT_PROCESSED,
            f"{name} is not PROCESSED but {state.upper()}",
            metadata={"name": name, "state": state.upper()},
            http_status=409,
        )


class MediaExists(AlreadyExists):
    """Another media of the owner has the same content and the options that this one would get."""

    def __init__(self, media_id: str, other_id: str) -> None:
        name, other = resource_name("media", media_id), resource_name("media", other_id)
        super().__init__(
            error_reason_pb2.MEDIA_EXISTS,
            f"anonymize: {other} has the content of {name} with these options already; use it, or delete it first",
            metadata={"name": other},
        )


class MediaContentDeleted(FailedPrecondition):
    """The retention of its owner deleted the bytes of one content of the media."""

    def __init__(self, media_id: str, content: str, delete_time_ns: int) -> None:
        name, since = resource_name("media", media_id), format_timestamp(delete_time_ns)
        super().__init__(
            error_reason_pb2.MEDIA_CONTENT_DELETED,
            f"{name}: its {content} bytes were kept as long as its owner's retention says, and deleted at {since}",
            metadata={"name": name, "content": content, "delete_time": since},
            http_status=410,
        )


class MediaNotProcessing(FailedPrecondition):
    """There is no work on the media to be cancelled."""

    def __init__(self, media_id: str, state: str) -> None:
        name, state = resource_name("media", media_id), state.upper()
        super().__init__(
            error_reason_pb2.MEDIA_NOT_PROCESSING,
            f"{name} is {state}, so there is no processing to cancel",
            metadata={"name": name, "state": state},
        )


def check_original_kept(media: Media) -> None:
    """Refuses where the bytes of the original are gone."""
    if media.is_deleted:
        raise MediaDeleted(media.id)
    if media.original_delete_time_ns is not None:
        raise MediaContentDeleted(media.id, "original", media.original_delete_time_ns)


def anonymized_content(media: Media) -> Content:
    """Refuses where there is none yet, or its bytes are gone."""
    if media.anonymized is not None:
        return media.anonymized
    if media.anonymized_delete_time_ns is not None:
        raise MediaContentDeleted(media.id, "anonymized", media.anonymized_delete_time_ns)
    raise MediaNotProcessed(media.id, media.state)
