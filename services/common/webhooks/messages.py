"""Webhooks and their deliveries as messages of the contract."""

from __future__ import annotations

from dropmesh.v1 import event_pb2, webhook_pb2

from services.common.base.instants import set_timestamp
from services.common.events.messages import resource_of
from services.common.events.model import event_type
from services.common.webhooks.model import Delivery, DeliveryState, Webhook

State = webhook_pb2.Webhook.State


def webhook_message(webhook: Webhook, *, with_secret: bool = False) -> webhook_pb2.Webhook:
    """A webhook as its owner sees it."""
    progress = webhook.progress
    message = webhook_pb2.Webhook(
        name=f"webhooks/{webhook.id}",
        url=webhook.url,
        state=_state(webhook),
        disabled=webhook.disabled,
        kind=event_pb2.Event.Kind.Value(webhook.kind.upper()) if webhook.kind else event_pb2.Event.KIND_UNSPECIFIED,
        types=[event_pb2.Event.Type.Value(name) for name in webhook.types],
        invite=f"invites/{webhook.invite}" if webhook.invite else "",
        secret=webhook.secret if with_secret else "",
        last_error=progress.last_error if progress.failures else "",
    )
    set_timestamp(message.create_time, webhook.create_time_ns)
    if progress.success_time_ns is not None:
        set_timestamp(message.success_time, progress.success_time_ns)
    if progress.failures and progress.failing_since_ns is not None:
        set_timestamp(message.failing_since, progress.failing_since_ns)
    if progress.failures and progress.retry_time_ns is not None:
        set_timestamp(message.retry_time, progress.retry_time_ns)
    return message


def delivery_message(delivery: Delivery) -> webhook_pb2.WebhookDelivery:
    """A delivery as its owner sees it."""
    message = webhook_pb2.WebhookDelivery(
        name=f"webhooks/{delivery.webhook}/deliveries/{delivery.id}",
        event_id=delivery.event_id,
        event_type=event_pb2.Event.Type.Value(event_type(delivery.kind, delivery.event_state)),
        resource=resource_of(delivery.kind, delivery.resource_id),
        state=webhook_pb2.WebhookDelivery.State.Value(delivery.state.upper()),
        attempts=delivery.attempts,
        last_error=delivery.last_error,
    )
    set_timestamp(message.event_time, delivery.time_ns)
    if delivery.state is DeliveryState.WAITING and delivery.retry_time_ns:
        set_timestamp(message.retry_time, delivery.retry_time_ns)
    return message


def _state(webhook: Webhook) -> webhook_pb2.Webhook.State.ValueType:
    if webhook.disabled:
        return State.Value("DISABLED")
    return State.Value("FAILING" if webhook.progress.failures else "ENABLED")
