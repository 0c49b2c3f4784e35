"""Which events a stream or a webhook gets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from services.common.events.model import BOTH, Event, EventKind
from services.common.media.model import Media


@dataclass(frozen=True)
class EventFilter:
    """None and empty mean all. `types` are the contract's names; `invite` is an id."""

    owner: str | None = None
    kind: EventKind | None = None
    types: Sequence[str] = ()
    invite: str | None = None

    @cached_property
    def kinds(self) -> frozenset[EventKind]:
        """The kinds of events that it may accept."""
        found = BOTH if self.kind is None else frozenset({self.kind})
        if self.types:
            found &= {kind for kind in EventKind for name in self.types if name.startswith(kind.upper())}
        return found & {EventKind.MEDIA} if self.invite is not None else found

    def accepts(self, event: Event) -> bool:
        """Whether the event is among them."""
        if self.owner is not None and event.resource.owner != self.owner:
            return False
        if event.kind not in self.kinds:
            return False
        if self.types and event.type not in self.types:
            return False
        return self.invite is None or (isinstance(event.resource, Media) and self.invite in event.resource.invites)
