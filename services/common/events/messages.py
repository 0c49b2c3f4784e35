"""Events as messages of the contract."""

from __future__ import annotations

from collections.abc import Iterable

from dropmesh.v1 import event_pb2

from services.common.base.instants import set_timestamp
from services.common.base.names import resource_name
from services.common.drops.messages import receipt_message
from services.common.events.model import Event, EventKind, event_id, event_type
from services.common.media.messages import media_message
from services.common.media.model import Media


def event_message(event: Event, viewer: str, token: str = "") -> event_pb2.Event:
    """An event with the resource as it is now, for the owner that the caller is."""
    message = bare_event_message(event.kind, event.resource.id, event.state, event.time_ns)
    message.token = token
    if isinstance(event.resource, Media):
        message.media.CopyFrom(media_message(event.resource))
    else:
        message.receipt.CopyFrom(receipt_message(event.resource, viewer))
    return message


def bare_event_message(kind: EventKind, resource_id: str, state: str, time_ns: int) -> event_pb2.Event:
    """An event without its resource."""
    message = event_pb2.Event(
        id=event_id(resource_id, time_ns),
        type=event_pb2.Event.Type.Value(event_type(kind, state)),
        kind=event_pb2.Event.Kind.Value(kind.upper()),
        resource=resource_of(kind, resource_id),
    )
    set_timestamp(message.time, time_ns)
    return message


def resource_of(kind: EventKind, resource_id: str) -> str:
    """The name of a resource that has events."""
    return resource_name("media" if kind is EventKind.MEDIA else "receipts", resource_id)


def heartbeat_message(token: str, now_ns: int) -> event_pb2.Event:
    """Nothing happened."""
    message = event_pb2.Event(type=event_pb2.Event.HEARTBEAT, token=token)
    set_timestamp(message.time, now_ns)
    return message


def to_kind(kind: event_pb2.Event.Kind.ValueType) -> EventKind | None:
    """A kind of the contract; None for all."""
    return EventKind(event_pb2.Event.Kind.Name(kind).lower()) if kind else None


def to_types(types: Iterable[event_pb2.Event.Type.ValueType]) -> tuple[str, ...]:
    """Types of the contract by name."""
    return tuple(event_pb2.Event.Type.Name(number) for number in types)
