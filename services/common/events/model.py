"""Events: what media and receipts record of the states that they reached. An event is stored nowhere else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from services.common.drops.receipt import Receipt, ReceiptState
from services.common.media.model import Media


class EventKind(StrEnum):
    """The kinds of resources that have events."""

    MEDIA = "media"
    RECEIPT = "receipt"


BOTH = frozenset(EventKind)


@dataclass(frozen=True, slots=True)
class Event:
    """A state that a resource reached. `resource` is as it was read, and may have another state by then."""

    kind: EventKind
    resource: Media | Receipt
    state: str
    time_ns: int

    @property
    def id(self) -> str:
        """The same each time that the event is read."""
        return event_id(self.resource.id, self.time_ns)

    @property
    def type(self) -> str:
        """As in the contract."""
        return event_type(self.kind, self.state)


@dataclass(frozen=True, slots=True)
class Changed:
    """A resource with all states that it still knows it reached, oldest first."""

    kind: EventKind
    resource: Media | Receipt
    states: Sequence[tuple[int, str]]

    @property
    def place(self) -> tuple[int, str]:
        """Its place in the log: the time of its last state, then its id."""
        return self.states[-1][0], self.resource.id

    def events_after(self, time_ns: int) -> list[Event]:
        """The states that it reached after an instant."""
        return [Event(self.kind, self.resource, state, at_ns) for at_ns, state in self.states if at_ns > time_ns]


def event_id(resource_id: str, time_ns: int) -> str:
    """The id of an event."""
    return f"{resource_id}-{time_ns}"


def event_type(kind: EventKind, state: str) -> str:
    """The type of an event, as in the contract."""
    return f"{kind}_{state}".upper()


def changed_media(media: Media) -> Changed | None:
    """A media as an entry of the log; None for one that was stored before media knew their states."""
    states = [(change.time_ns, change.state.value) for change in media.state_changes]
    return Changed(EventKind.MEDIA, media, states) if states else None


def changed_receipt(receipt: Receipt) -> Changed | None:
    """A receipt as an entry of the log; None while no worker has settled it, and once its bytes are deleted."""
    if receipt.process_time_ns is None or receipt.state is ReceiptState.DELETED:
        return None
    return Changed(EventKind.RECEIPT, receipt, [(receipt.process_time_ns, receipt.state.value)])
