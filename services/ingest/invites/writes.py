"""Invites: made, revoked and deleted by their owners."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from dropmesh.v1 import ingest_service_pb2, invite_pb2
from google.protobuf.empty_pb2 import Empty

from services.common.base.errors import InvalidField, NotFound
from services.common.base.etags import check_etag
from services.common.base.ids import new_id
from services.common.base.instants import SECOND_NS, from_duration, from_timestamp
from services.common.base.names import resource_id
from services.common.base.requests import named_request, request_key
from services.common.invites.messages import invite_etag, invite_message, to_download
from services.common.invites.pin import new_pin
from services.common.invites.store import Invite, Invites, derived_secret, new_secret, secret_hash
from services.common.media.anonymize.messages import to_options
from services.common.rpc.call import Call
from services.ingest.media.uploads import CREATED

UPDATED = {"display_name", "max_uploads", "anonymize", "pin", "require_sender_name", "download"}
DAY_NS = 86_400 * SECOND_NS
LONGEST_DAYS = 366


class InviteWrites:
    """Makes, revokes and deletes invites."""

    def __init__(self, invites: Invites, *, edge_url: str, now_ns: Callable[[], int] = time.time_ns) -> None:
        self._invites = invites
        self._edge_url = edge_url
        self._now_ns = now_ns

    async def CreateInvite(self, request: ingest_service_pb2.CreateInviteRequest, call: Call) -> invite_pb2.Invite:
        """Makes an expirable upload link."""
        wanted = request.invite
        now_ns, owner, request_id = self._now_ns(), call.caller.owner, request.request_id
        secret_key = secrets.token_bytes(32) if request_id else None
        secret = derived_secret(secret_key, request_id) if secret_key else new_secret()[0]
        invite = Invite(
            id=request_key("invites", owner, request_id) if request_id else new_id(now_ns),
            owner=owner,
            display_name=wanted.display_name,
            secret_sha256=secret_hash(secret),
            secret_key=secret_key,
            create_time_ns=now_ns,
            expire_time_ns=expire_time(wanted, now_ns),
            max_uploads=wanted.max_uploads,
            anonymize=to_options(wanted.anonymize, field="invite.anonymize"),
            pin=await asyncio.to_thread(new_pin, wanted.pin) if wanted.pin else None,
            require_sender_name=wanted.require_sender_name,
            download=to_download(wanted.download),
            download_key=secrets.token_bytes(32),
        )
        made = await self._invites.insert(invite, named_request(request))
        if made.secret_key is not None:
            secret = derived_secret(made.secret_key, request_id)
        call.answer_with(CREATED)
        return invite_message(made, now_ns, f"{self._edge_url}/v1/invites/{made.id}.{secret}/media")

    async def UpdateInvite(self, request: ingest_service_pb2.UpdateInviteRequest, call: Call) -> invite_pb2.Invite:
        """Changes an invite; its link stays the same."""
        now_ns = self._now_ns()
        given = {field.name for field, _ in request.ListFields()} & UPDATED
        if request.WhichOneof("expiration"):
            given.add("expire_time")
        named = set(request.update_mask.paths) or given
        changes: dict[str, Any] = {}
        for name in ("display_name", "max_uploads", "require_sender_name"):
            if name in named:
                changes[name] = getattr(request, name)
        if "expire_time" in named:
            changes["expire_time_ns"] = expire_time(request, now_ns)
        if "anonymize" in named:
            changes["anonymize"] = to_options(request.anonymize)
        if "download" in named:
            changes["download"] = to_download(request.download)
        if "pin" in named:
            changes["pin"] = await asyncio.to_thread(new_pin, request.pin) if request.pin else None
            changes |= {"pin_attempts": 0, "pin_locked_until_ns": None}

        def edit(invite: Invite) -> Invite:
            invite.check_not_revoked()
            check_etag(request.etag, invite_etag(invite), request.name)
            return replace(invite, **changes)

        return invite_message(await self._invites.update(call.caller, resource_id(request.name), edit), now_ns)

    async def RevokeInvite(self, request: ingest_service_pb2.RevokeInviteRequest, call: Call) -> invite_pb2.Invite:
        """Ends an invite now."""
        now_ns = self._now_ns()
        return invite_message(await self._invites.revoke(call.caller, resource_id(request.name), now_ns=now_ns), now_ns)

    async def DeleteInvite(self, request: ingest_service_pb2.DeleteInviteRequest, call: Call) -> Empty:
        """Ends an invite now and removes its record."""
        try:
            await self._invites.delete(call.caller, resource_id(request.name))
        except NotFound:
            if not request.allow_missing:
                raise
        return Empty()


def expire_time(wanted: invite_pb2.Invite | ingest_service_pb2.UpdateInviteRequest, now_ns: int) -> int:
    """When an invite ends: as it says, or a day from now."""
    match wanted.WhichOneof("expiration"):
        case "ttl":
            return now_ns + from_duration(wanted.ttl)
        case "expire_time":
            expire_ns = from_timestamp(wanted.expire_time)
            if not now_ns < expire_ns <= now_ns + LONGEST_DAYS * DAY_NS:
                raise InvalidField("expire_time", f"must be an instant within the next {LONGEST_DAYS} days")
            return expire_ns
        case _:
            return now_ns + DAY_NS
