"""Etags: one form in JSON, in queries and in headers, a text in double quotes as HTTP has it."""

from __future__ import annotations

from dropmesh.v1 import error_reason_pb2 as reasons

from services.common.base.errors import Aborted


def etag_of(value: str | int) -> str:
    """The etag of a state of a resource."""
    return f'"{value}"'


def check_etag(given: str, present: str, name: str) -> None:
    """Refuses a change of a resource that is no longer as the caller knows it; nothing given is not checked."""
    if given and given != present:
        raise Aborted(
            reasons.ETAG_MISMATCH,
            f"etag: {name} has changed since it had {given}; now it has {present}: read it again",
            metadata={"etag": present},
        )
