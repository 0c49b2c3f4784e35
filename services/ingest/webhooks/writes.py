"""Webhooks: made, changed and deleted by their owners."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable
from dataclasses import replace

from dropmesh.v1 import error_reason_pb2 as reasons
from dropmesh.v1 import ingest_service_pb2, webhook_pb2
from google.protobuf.empty_pb2 import Empty

from services.common.base.errors import InvalidArgument, NotFound, ResourceExhausted
from services.common.base.ids import new_id
from services.common.base.names import resource_id
from services.common.base.requests import request_id_reused, request_key
from services.common.events.log import Cursor
from services.common.events.messages import to_kind, to_types
from services.common.rpc.call import Call
from services.common.webhooks.addresses import url_fault
from services.common.webhooks.messages import webhook_message
from services.common.webhooks.model import Progress, Webhook
from services.common.webhooks.store import Deliveries, Webhooks

CREATED = 201
WEBHOOKS_MOST = 100
REDELIVERED_MOST = 1000
SECRET_PREFIX = "whsec_"  # noqa: S105 - it says what kind of secret follows


class WebhookWrites:
    """Makes, changes and deletes webhooks."""

    def __init__(
        self,
        webhooks: Webhooks,
        deliveries: Deliveries,
        *,
        allow_http: bool,
        allow_private: bool,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._webhooks = webhooks
        self._deliveries = deliveries
        self._allow_http = allow_http
        self._allow_private = allow_private
        self._now_ns = now_ns

    async def CreateWebhook(self, request: ingest_service_pb2.CreateWebhookRequest, call: Call) -> webhook_pb2.Webhook:
        """Makes a webhook."""
        wanted, owner, now_ns = request.webhook, call.caller.owner, self._now_ns()
        self._check_url("webhook.url", wanted.url)
        webhook_id = request_key("webhooks", owner, request.request_id) if request.request_id else new_id(now_ns)
        # A repeated request makes nothing, so no limit refuses it.
        if await self._webhooks.count(owner) >= WEBHOOKS_MOST and await self._webhooks.find(webhook_id) is None:
            raise ResourceExhausted(
                reasons.WEBHOOKS_TOO_MANY,
                f"there are {WEBHOOKS_MOST} webhooks, which is the limit; delete one first",
                metadata={"limit": str(WEBHOOKS_MOST)},
            )
        digest = hashlib.sha256(wanted.SerializeToString(deterministic=True)).digest()
        webhook = Webhook(
            id=webhook_id,
            owner=owner,
            url=wanted.url,
            secret=SECRET_PREFIX + secrets.token_urlsafe(32),
            create_time_ns=now_ns,
            progress=Progress(Cursor.at(now_ns)),
            kind=to_kind(wanted.kind),
            types=to_types(wanted.types),
            invite=wanted.invite.removeprefix("invites/") or None,
            disabled=wanted.disabled,
            request_digest=digest,
        )
        stored = await self._webhooks.insert(webhook)
        if stored.request_digest != digest:
            raise request_id_reused(request.request_id)
        call.answer_with(CREATED)
        return webhook_message(stored, with_secret=True)

    async def UpdateWebhook(self, request: ingest_service_pb2.UpdateWebhookRequest, call: Call) -> webhook_pb2.Webhook:
        """Changes the fields of the mask, or those that are set."""
        paths = set(request.update_mask.paths) or {field.name for field, _ in request.ListFields()}
        if "url" in paths:
            self._check_url("url", request.url)
        types = to_types(request.types)

        def edit(webhook: Webhook) -> Webhook:
            return replace(
                webhook,
                url=request.url if "url" in paths else webhook.url,
                disabled=request.disabled if "disabled" in paths else webhook.disabled,
                kind=to_kind(request.kind) if "kind" in paths else webhook.kind,
                types=types if "types" in paths else webhook.types,
                invite=(request.invite.removeprefix("invites/") or None) if "invite" in paths else webhook.invite,
            )

        return webhook_message(await self._webhooks.change(call.caller, resource_id(request.name), edit))

    async def DeleteWebhook(self, request: ingest_service_pb2.DeleteWebhookRequest, call: Call) -> Empty:
        """Deletes a webhook and its deliveries."""
        try:
            await self._webhooks.delete(call.caller, resource_id(request.name))
        except NotFound:
            if not request.allow_missing:
                raise
        return Empty()

    async def RedeliverWebhook(
        self, request: ingest_service_pb2.RedeliverWebhookRequest, call: Call
    ) -> ingest_service_pb2.RedeliverWebhookResponse:
        """Has deliveries tried again that had failed for good."""
        webhook = await self._webhooks.get(call.caller, resource_id(request.name))
        ids = [name.rpartition("/")[2] for name in request.deliveries]
        count = await self._deliveries.try_again(webhook.id, ids, limit=REDELIVERED_MOST)
        return ingest_service_pb2.RedeliverWebhookResponse(redelivered=count)

    def _check_url(self, field: str, url: str) -> None:
        if fault := url_fault(url, allow_http=self._allow_http, allow_private=self._allow_private):
            raise InvalidArgument(reasons.WEBHOOK_URL_NOT_ALLOWED, f"{field}: {fault}", metadata={"field": field})
