"""Invites: expirable links that let their holder upload. Only a hash of a link's secret is stored."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from dropmesh.v1 import error_reason_pb2 as reasons

from services.common.base.errors import DropmeshError, FailedPrecondition, NotFound
from services.common.base.instants import SECOND_NS, to_timestamp
from services.common.base.requests import KeptRequest, NamedRequest, came_before
from services.common.catalog import Catalog, Collection, Delete, Index, Insert, Position, Range, change, position
from services.common.catalog.documents import from_document, to_document
from services.common.invites.pin import StoredPin
from services.common.media.anonymize.options import AnonymizeOptions
from services.common.rpc.identity import Caller

INVITES = Collection(
    "invites",
    (
        Index("by_owner", ("owner", "create_time_ns")),
        Index("by_time", ("create_time_ns",)),
        Index("unsettled", ("unsettled_since_ns",), sparse=True),
    ),
)

PIN_ATTEMPTS_FREE = 5
PIN_LOCK_NS = 60 * SECOND_NS


class Download(StrEnum):
    """The media of an invite whose anonymized content its holder may download."""

    NONE = "none"
    OWN = "own"
    ALL = "all"


class InviteState(StrEnum):
    """Whether an invite takes uploads."""

    ACTIVE = "active"
    EXPIRED = "expired"
    REVOKED = "revoked"
    USED_UP = "used_up"


@dataclass(frozen=True, slots=True)
class Reservation:
    """A use that is taken and whose media is not known to be stored."""

    media_id: str
    since_ns: int


@dataclass(frozen=True, slots=True)
class Invite:
    """A stored invite. A use is reserved before its media is stored, and counted afterwards."""

    id: str
    owner: str
    display_name: str
    secret_sha256: bytes
    create_time_ns: int
    expire_time_ns: int
    max_uploads: int = 0
    upload_count: int = 0
    anonymize: AnonymizeOptions = field(default_factory=AnonymizeOptions)
    revoke_time_ns: int | None = None
    revision: int = 1
    """Grows with each change by its owner."""
    pin: StoredPin | None = None
    pin_attempts: int = 0
    """The tries since the last right PIN, each counted before it is checked."""
    pin_locked_until_ns: int | None = None
    require_sender_name: bool = False
    download: Download = Download.NONE
    download_key: bytes | None = None
    """Makes the download_token of each media."""
    reservations: tuple[Reservation, ...] = ()
    unsettled_since_ns: int | None = None
    request: KeptRequest | None = None
    """The request that made it."""
    secret_key: bytes | None = None
    """Makes the link's secret of the request's id, of which only a hash is stored: a repetition gets the link again."""
    version: int = 0

    def state(self, now_ns: int) -> InviteState:
        """Whether it takes uploads at an instant."""
        if self.revoke_time_ns is not None:
            return InviteState.REVOKED
        if self.max_uploads and self.upload_count >= self.max_uploads:
            return InviteState.USED_UP
        return InviteState.EXPIRED if self.expire_time_ns <= now_ns else InviteState.ACTIVE

    def pin_lock_end(self, now_ns: int) -> int | None:
        """Until when no try of the PIN is taken; None where one is."""
        until_ns = self.pin_locked_until_ns
        return until_ns if until_ns is not None and until_ns > now_ns else None

    def check_not_revoked(self) -> None:
        """Refuses where the invite was revoked."""
        if self.revoke_time_ns is not None:
            raise FailedPrecondition(reasons.INVITE_REVOKED, "the invite was revoked", http_status=410)

    def check_open(self, now_ns: int) -> None:
        """Refuses where the invite was revoked or has expired."""
        self.check_not_revoked()
        if self.expire_time_ns <= now_ns:
            expired = to_timestamp(self.expire_time_ns).ToJsonString()
            raise FailedPrecondition(
                reasons.INVITE_EXPIRED,
                f"the invite expired at {expired}",
                metadata={"expire_time": expired},
                http_status=410,
            )

    def check_usable(self, now_ns: int) -> None:
        """Refuses where the invite takes no upload now."""
        self.check_open(now_ns)
        if self.max_uploads and self.upload_count + len(self.reservations) >= self.max_uploads:
            raise FailedPrecondition(
                reasons.INVITE_USED_UP,
                f"the invite has reached its limit of {self.max_uploads} uploads (max_uploads)",
                metadata={"max_uploads": str(self.max_uploads)},
                http_status=409,
            )


class Invites:
    """The invites of a mesh. What belongs to another owner is not found."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    async def insert(self, invite: Invite, request: NamedRequest | None = None) -> Invite:
        """Stores a new invite; a request that came before gives the invite of then."""
        stored = replace(invite, request=None if request is None else request.kept())
        (outcome,) = await self._catalog.batch([Insert(INVITES, to_document(stored))])
        if outcome.applied:
            return stored
        document = await self._catalog.get(INVITES, invite.id)
        first = None if document is None else from_document(Invite, document)
        if first is None or first.request is None:
            raise invite_not_found()
        came_before([first.request], request)
        return first

    async def get(self, caller: Caller, invite_id: str) -> Invite:
        """An invite of the caller's; else NotFound."""
        document = await self._catalog.get(INVITES, invite_id)
        if document is None or not caller.owns(document):
            raise invite_not_found()
        return from_document(Invite, document)

    async def find_by_link(self, link: str) -> Invite:
        """The invite of a link, whether or not it still takes uploads; NotFound also where the secret is wrong."""
        invite_id, _, secret = link.partition(".")
        document = await self._catalog.get(INVITES, invite_id) if invite_id and secret else None
        if document is None:
            raise invite_not_found()
        invite = from_document(Invite, document)
        if not hmac.compare_digest(invite.secret_sha256, secret_hash(secret)):
            raise invite_not_found()
        return invite

    async def list(self, caller: Caller, *, after: Position | None, limit: int) -> tuple[list[Invite], Position | None]:
        """A page of the caller's invites, newest first, and where the next page starts."""
        index, equals = ("by_time", ()) if caller.is_admin else ("by_owner", (caller.owner,))
        documents = await self._catalog.find(INVITES, index, equals, descending=True, after=after, limit=limit + 1)
        page = documents[:limit]
        end = position(INVITES.index(index), page[-1]) if len(documents) > limit else None
        return [from_document(Invite, document) for document in page], end

    async def update(self, caller: Caller, invite_id: str, edit: Callable[[Invite], Invite]) -> Invite:
        """Changes an invite of the caller's."""
        await self.get(caller, invite_id)
        return await self._change(invite_id, lambda invite: replace(edit(invite), revision=invite.revision + 1))

    async def begin_pin_attempt(self, invite_id: str, *, now_ns: int) -> int | None:
        """Counts a try of the PIN; returns until when no further one is taken, None where this one is."""
        lock_end_ns: int | None = None

        def edit(invite: Invite) -> Invite | None:
            nonlocal lock_end_ns
            lock_end_ns = invite.pin_lock_end(now_ns)
            if lock_end_ns is not None:
                return None
            attempts = invite.pin_attempts + 1
            return replace(invite, pin_attempts=attempts, pin_locked_until_ns=_locked_until(attempts, now_ns))

        await self._change(invite_id, edit)
        return lock_end_ns

    async def pin_locked_until(self, invite_id: str) -> int | None:
        """Until when tries of the PIN are locked, or were, as it is stored now; None since the PIN was right."""
        document = await self._catalog.get(INVITES, invite_id)
        if document is None:
            raise invite_not_found()
        return from_document(Invite, document).pin_locked_until_ns

    async def forget_pin_attempts(self, invite_id: str) -> None:
        """The PIN was right."""
        await self._change(invite_id, lambda invite: replace(invite, pin_attempts=0, pin_locked_until_ns=None))

    async def revoke(self, caller: Caller, invite_id: str, *, now_ns: int) -> Invite:
        """Ends an invite of the caller's; one that was revoked stays as it is."""
        await self.get(caller, invite_id)
        return await self._change(
            invite_id,
            lambda invite: (
                None
                if invite.revoke_time_ns is not None
                else replace(invite, revoke_time_ns=now_ns, revision=invite.revision + 1)
            ),
        )

    async def delete(self, caller: Caller, invite_id: str) -> None:
        """Removes an invite of the caller's, or NotFound; its media stay."""
        await self.get(caller, invite_id)
        await self._catalog.batch([Delete(INVITES, invite_id)])

    async def reserve(self, invite_id: str, media_id: str, *, now_ns: int) -> None:
        """Takes one use for a media that is about to be stored; refuses where there is none left."""

        def edit(invite: Invite) -> Invite:
            invite.check_usable(now_ns)
            return _with_reservations(invite, (*invite.reservations, Reservation(media_id, now_ns)))

        await self._change(invite_id, edit)

    async def settle(self, invite_id: str, media_id: str, *, used: bool) -> None:
        """Ends a reservation: the media was stored and counts, or it was not. Repeating it changes nothing.

        An invite that was deleted meanwhile counts no more.
        """

        def edit(invite: Invite) -> Invite | None:
            left = tuple(held for held in invite.reservations if held.media_id != media_id)
            if len(left) == len(invite.reservations):
                return None
            return replace(_with_reservations(invite, left), upload_count=invite.upload_count + used)

        with suppress(NotFound):
            await self._change(invite_id, edit)

    async def check_unsettled(
        self, before_ns: int, is_stored: Callable[[str], Awaitable[bool]], *, limit: int = 100
    ) -> int:
        """Settles reservations older than an instant by whether their media is stored; returns how many invites."""
        documents = await self._catalog.find(INVITES, "unsettled", within=Range(high=before_ns), limit=limit)
        for invite in (from_document(Invite, document) for document in documents):
            for held in invite.reservations:
                if held.since_ns < before_ns:
                    await self.settle(invite.id, held.media_id, used=await is_stored(held.media_id))
        return len(documents)

    async def _change(self, invite_id: str, edit: Callable[[Invite], Invite | None]) -> Invite:
        def edit_document(document: dict[str, Any] | None) -> dict[str, Any] | None:
            edited = None if document is None else edit(from_document(Invite, document))
            return None if edited is None else to_document(edited)

        document = await change(self._catalog, INVITES, invite_id, edit_document)
        if document is None:
            raise invite_not_found()
        return from_document(Invite, document)


def new_secret() -> tuple[str, bytes]:
    """A link's secret of 256 random bits, and what is stored of it."""
    secret = secrets.token_urlsafe(32)
    return secret, secret_hash(secret)


def derived_secret(secret_key: bytes, request_id: str) -> str:
    """A link's secret that needs both what the catalog has and the id that the caller chose."""
    digest = hmac.digest(secret_key, request_id.lower().encode(), "sha256")
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def secret_hash(secret: str) -> bytes:
    """The hash of a secret, as it is stored."""
    # The secret has 256 random bits: a slow hash would protect nothing more.
    return hashlib.sha256(secret.encode()).digest()


def invite_not_found() -> DropmeshError:
    """Returns one error for an unknown invite and for a wrong secret, so that they cannot be told apart."""
    return NotFound(reasons.INVITE_NOT_FOUND, "no such invite")


def _locked_until(attempts: int, now_ns: int) -> int | None:
    """After some tries each further one has to wait, twice as long as the one before, up to an hour."""
    if attempts < PIN_ATTEMPTS_FREE:
        return None
    minutes: int = min(2 ** (attempts - PIN_ATTEMPTS_FREE), 60)
    return now_ns + minutes * PIN_LOCK_NS


def _with_reservations(invite: Invite, reservations: tuple[Reservation, ...]) -> Invite:
    since = min((held.since_ns for held in reservations), default=None)
    return replace(invite, reservations=reservations, unsettled_since_ns=since)
