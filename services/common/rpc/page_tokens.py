"""Page tokens: where a list ended, tied to what was listed, so that a token of another list is refused."""

from __future__ import annotations

import base64
import binascii
import hashlib
from types import NoneType

import bson
from google.protobuf.message import Message

from services.common.base.errors import PageTokenInvalid
from services.common.catalog import Position

DEFAULT_PAGE_SIZE = 50
MAX_PAGE_SIZE = 1000
_SCALAR = (str, int, float, bytes, NoneType)


def page_size(asked: int) -> int:
    """How many entries a page has at most, for what a request asks."""
    return min(asked or DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE)


def page_token(request: Message, owner: str, position: Position) -> str:
    """The token with which the same list goes on after a position."""
    packed = bson.encode({"of": _listed(request, owner), "at": list(position)})
    return base64.urlsafe_b64encode(packed).decode().rstrip("=")


def page_start(request: Message, owner: str) -> Position | None:
    """Where the page asked for starts: after a position, or None for the first page."""
    token: str = request.page_token  # type: ignore[attr-defined]
    if not token:
        return None
    try:
        unpacked = bson.decode(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        if unpacked["of"] == _listed(request, owner) and all(isinstance(value, _SCALAR) for value in unpacked["at"]):
            return tuple(unpacked["at"])
    except (binascii.Error, bson.errors.InvalidBSON, KeyError, TypeError, ValueError):
        pass
    raise PageTokenInvalid


def _listed(request: Message, owner: str) -> bytes:
    """Hashes the request without its page size and token, and the owner."""
    same = type(request)()
    same.CopyFrom(request)
    for field in {"page_token", "page_size"} & set(same.DESCRIPTOR.fields_by_name):
        same.ClearField(field)
    return hashlib.sha256(owner.encode() + b"\0" + same.SerializeToString(deterministic=True)).digest()[:12]
