"""Reads of webhooks, and of the events that did not arrive."""

from __future__ import annotations

from dropmesh.v1 import query_service_pb2, webhook_pb2

from services.common.base.names import resource_id
from services.common.rpc.call import Call
from services.common.rpc.page_tokens import page_size, page_start, page_token
from services.common.webhooks.messages import delivery_message, webhook_message
from services.common.webhooks.model import DeliveryState
from services.common.webhooks.store import Deliveries, Webhooks
from services.query.media.lists import whose_list


class WebhookReads:
    """Reads of webhooks."""

    def __init__(self, webhooks: Webhooks, deliveries: Deliveries) -> None:
        self._webhooks = webhooks
        self._deliveries = deliveries

    async def GetWebhook(self, request: query_service_pb2.GetWebhookRequest, call: Call) -> webhook_pb2.Webhook:
        """Returns one webhook."""
        return webhook_message(await self._webhooks.get(call.caller, resource_id(request.name)))

    async def ListWebhooks(
        self, request: query_service_pb2.ListWebhooksRequest, call: Call
    ) -> query_service_pb2.ListWebhooksResponse:
        """Lists the caller's webhooks, newest first."""
        whose = whose_list(call)
        found, end = await self._webhooks.list(
            call.caller, after=page_start(request, whose), limit=page_size(request.page_size)
        )
        return query_service_pb2.ListWebhooksResponse(
            webhooks=map(webhook_message, found),
            next_page_token="" if end is None else page_token(request, whose, end),
        )

    async def ListWebhookDeliveries(
        self, request: query_service_pb2.ListWebhookDeliveriesRequest, call: Call
    ) -> query_service_pb2.ListWebhookDeliveriesResponse:
        """Lists the events that did not arrive at a webhook, oldest first."""
        webhook = await self._webhooks.get(call.caller, resource_id(request.parent))
        whose = whose_list(call)
        state = DeliveryState(webhook_pb2.WebhookDelivery.State.Name(request.state).lower()) if request.state else None
        found, end = await self._deliveries.list(
            webhook.id, state, after=page_start(request, whose), limit=page_size(request.page_size)
        )
        return query_service_pb2.ListWebhookDeliveriesResponse(
            deliveries=map(delivery_message, found),
            next_page_token="" if end is None else page_token(request, whose, end),
        )
