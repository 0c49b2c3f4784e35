"""A stored webhook, and the events that did not arrive at it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from services.common.events.filter import EventFilter
from services.common.events.log import Cursor
from services.common.events.model import Event, EventKind, event_id


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the deliveries of a webhook are; a processor changes it. `cursor` and `ahead`: see `events.reading`."""

    cursor: Cursor
    ahead: Mapping[str, int] = field(default_factory=dict)
    success_time_ns: int | None = None
    failures: int = 0
    """How many deliveries have failed since one last arrived."""
    failing_since_ns: int | None = None
    retry_time_ns: int | None = None
    """When a delivery that failed is tried again, the first of all."""
    last_error: str = ""


@dataclass(frozen=True, slots=True)
class Webhook:
    """A URL and the events that are sent there."""

    id: str
    owner: str
    url: str
    secret: str
    create_time_ns: int
    progress: Progress
    kind: EventKind | None = None
    types: tuple[str, ...] = ()
    invite: str | None = None
    disabled: bool = False
    request_digest: bytes = b""
    """Of the request that made it, where that had an id."""
    lease_end_ns: int = 0
    lease_holder: str = ""
    """The turn that delivers its events until the lease ends."""
    version: int = 0

    @property
    def wanted(self) -> EventFilter:
        """Its events."""
        return EventFilter(self.owner, self.kind, self.types, self.invite)


class DeliveryState(StrEnum):
    """Whether a delivery is tried again."""

    WAITING = "waiting"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Delivery:
    """An event that did not arrive yet. Its bytes are made from the resource for each attempt."""

    id: str
    webhook: str
    kind: EventKind
    resource_id: str
    event_state: str
    time_ns: int
    state: DeliveryState = DeliveryState.WAITING
    attempts: int = 0
    retry_time_ns: int = 0
    """When it is tried again; 0 where that is as soon as the earlier ones of its resource have arrived."""
    last_error: str = ""
    version: int = 0

    @property
    def event_id(self) -> str:
        """The id of its event."""
        return event_id(self.resource_id, self.time_ns)


def new_delivery(webhook: Webhook, event: Event) -> Delivery:
    """An event that was not tried yet."""
    key = f"{webhook.id}.{event.id}"
    return Delivery(key, webhook.id, event.kind, event.resource.id, event.state, event.time_ns)
