"""Request ids: a caller names a request, so that a repetition whose answer was lost changes nothing twice."""

from __future__ import annotations

import hashlib
from base64 import b32hexencode
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from dropmesh.v1 import error_reason_pb2 as reasons

from services.common.base.errors import AlreadyExists

KEPT_MOST = 32


@dataclass(frozen=True, slots=True)
class KeptRequest:
    """A request that changed a resource, as it is stored: hashes of its id and of what it asked."""

    id_sha256: bytes
    sha256: bytes


@dataclass(frozen=True, slots=True)
class NamedRequest:
    """A request whose caller gave it an id."""

    request_id: str
    sha256: bytes

    def kept(self) -> KeptRequest:
        """As it is stored."""
        return KeptRequest(hashlib.sha256(self.request_id.encode()).digest(), self.sha256)


def named_request(request: Any) -> NamedRequest | None:
    """A request by its id; None where its caller gave none."""
    if not request.request_id:
        return None
    asked = type(request)()
    asked.CopyFrom(request)
    asked.ClearField("request_id")
    named = type(request).__name__.encode()
    digest = hashlib.sha256(named + b"\0" + asked.SerializeToString(deterministic=True)).digest()
    return NamedRequest(request.request_id.lower(), digest)


def came_before(kept: Iterable[KeptRequest], request: NamedRequest | None) -> bool:
    """Whether a request is a repetition; REQUEST_ID_REUSED where its id stood for another one."""
    if request is None:
        return False
    id_sha256 = request.kept().id_sha256
    earlier = next((one for one in kept if one.id_sha256 == id_sha256), None)
    if earlier is not None and earlier.sha256 != request.sha256:
        raise request_id_reused(request.request_id)
    return earlier is not None


def with_request(kept: tuple[KeptRequest, ...], request: NamedRequest | None) -> tuple[KeptRequest, ...]:
    """The kept requests and this one: the last ones."""
    return kept if request is None else (*kept, request.kept())[-KEPT_MOST:]


def request_key(collection: str, owner: str, request_id: str) -> str:
    """The key of what a request makes: the same for each repetition, and no other owner's."""
    digest = hashlib.sha256(f"{collection}\0{owner}\0{request_id.lower()}".encode()).digest()
    return b32hexencode(digest[:20]).decode().lower()


def request_id_reused(request_id: str) -> AlreadyExists:
    """The id stood for another request."""
    return AlreadyExists(
        reasons.REQUEST_ID_REUSED,
        f"request_id: {request_id} was already used for another request; use a new one",
        metadata={"request_id": request_id},
    )
