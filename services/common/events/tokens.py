"""Tokens of events: a reader that comes back with one goes on after that event."""

from __future__ import annotations

import base64
import binascii

import bson
from dropmesh.v1 import error_reason_pb2 as reasons

from services.common.base.errors import InvalidArgument
from services.common.events.log import Cursor
from services.common.events.model import Event


def event_token(cursor: Cursor, last: Event | None) -> str:
    """The token of an event that a reader at a cursor was sent."""
    packed = bson.encode(
        {
            "s": cursor.since_ns,
            "a": cursor.at_ns,
            "i": cursor.at_id,
            "l": "" if last is None else last.resource.id,
            "n": 0 if last is None else last.time_ns,
        }
    )
    return base64.urlsafe_b64encode(packed).decode().rstrip("=")


def parse_event_token(token: str) -> tuple[Cursor, dict[str, int]]:
    """The cursor of a token, and which states of which resource beyond it were sent."""
    try:
        unpacked = bson.decode(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        since_ns, at_ns, time_ns = (int(unpacked[name]) for name in ("s", "a", "n"))
        at_id, last_id = (str(unpacked[name]) for name in ("i", "l"))
        return Cursor(since_ns, at_ns, at_id), {last_id: time_ns} if last_id else {}
    except (binascii.Error, bson.errors.InvalidBSON, KeyError, TypeError, ValueError):
        pass
    raise InvalidArgument(reasons.EVENT_TOKEN_INVALID, "token: is none that this method sent; start again without it")
