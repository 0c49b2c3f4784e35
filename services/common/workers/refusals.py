"""A job's refusal of its content, as it travels: an exception of the contract, in parts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from dropmesh.v1.error_reason_pb2 import ErrorReason

from services.common.base.errors import DropmeshError, FailedPrecondition, InvalidArgument
from services.common.workers.plain import decoder, encode, load
from services.common.workers.protocol import Misbehaviour

_KINDS: Final = {"InvalidArgument": InvalidArgument, "FailedPrecondition": FailedPrecondition}
_REASONS: Final = frozenset(
    {
        "MEDIA_TYPE_UNSUPPORTED",
        "MEDIA_TOO_LARGE",
        "MEDIA_TOO_LONG_OR_WIDE",
        "MEDIA_EMPTY",
        "MEDIA_UNREADABLE",
        "CLASSIFIER_NOT_INSTALLED",
        "SERIES_TOO_SHORT",
    }
)
_HTTP_STATUSES: Final = frozenset({None, 413, 415})
_MAX_TEXT: Final = 1000
_MAX_ENTRIES: Final = 8


@dataclass(frozen=True, slots=True)
class _Refusal:
    kind: str
    reason: str
    message: str
    metadata: Mapping[str, str]
    http_status: int | None


def encode_refusal(error: InvalidArgument | FailedPrecondition) -> bytes:
    """The text of a refusal; what does not change for the client stays behind."""
    kind = "InvalidArgument" if isinstance(error, InvalidArgument) else "FailedPrecondition"
    metadata = {sound_text(name): sound_text(value) for name, value in error.metadata.items()}
    reason = ErrorReason.Name(error.reason)
    return encode(_Refusal(kind, reason, sound_text(error.message), metadata, error.http_status))[0]


def decode_refusal(text: bytes) -> DropmeshError:
    """The exception of a refusal; raises Misbehaviour where no job may refuse so."""
    refusal: _Refusal = decoder(_Refusal)(load(text), b"")
    if refusal.kind not in _KINDS or refusal.reason not in _REASONS or refusal.http_status not in _HTTP_STATUSES:
        raise Misbehaviour("a refusal that no job may give")
    if len(refusal.metadata) > _MAX_ENTRIES:
        raise Misbehaviour(f"a refusal of more than {_MAX_ENTRIES} entries")
    # They go into the headers of an answer, which the edge bounds.
    if any(len(part) > _MAX_TEXT for part in (refusal.message, *refusal.metadata, *refusal.metadata.values())):
        raise Misbehaviour(f"a refusal with a text of more than {_MAX_TEXT} characters")
    return _KINDS[refusal.kind](
        ErrorReason.Value(refusal.reason),
        refusal.message,
        metadata=refusal.metadata,
        http_status=refusal.http_status,
    )


def sound_text(text: str) -> str:
    """The start of a text, of which everything can be encoded."""
    return text[:_MAX_TEXT].encode(errors="replace").decode()
