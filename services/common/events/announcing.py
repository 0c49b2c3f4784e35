"""Rings the bell for what changed, so that those who read events look at once and at the right place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from services.common.drops.receipt import Receipt
from services.common.events.model import EventKind, event_type
from services.common.media.model import Media
from services.common.queue.bell import Bell

# So many ids of 26 characters stay below the length of a message.
IDS_MOST = 250


@dataclass(frozen=True, slots=True)
class Announcement:
    """Resources of one owner that changed and have a state since: readers who want no such event need not look."""

    kind: EventKind
    state: str
    ids: tuple[str, ...]
    owner: str

    @property
    def type(self) -> str:
        """The type of the events that reached the state, as in the contract."""
        return event_type(self.kind, self.state)

    def text(self) -> str:
        """As a message of the bell; an owner may hold blanks."""
        return f"{self.kind.value} {self.state} {','.join(self.ids)} {self.owner}"

    @classmethod
    def parse(cls, text: str) -> Announcement | None:
        """None for a message that is none."""
        kind, state, ids, owner = (*text.split(" ", 3), "", "", "")[:4]
        return cls(EventKind(kind), state, tuple(ids.split(",")), owner) if kind in set(EventKind) and ids else None


class Announcer:
    """Announces what the stores of media and receipts have stored."""

    def __init__(self, bell: Bell) -> None:
        self._bell = bell

    def media(self, media: Media) -> None:
        """A media changed in a way that callers can see."""
        self._bell.ring(Announcement(EventKind.MEDIA, media.state.value, (media.id,), media.owner).text())

    def receipts(self, receipts: Sequence[Receipt]) -> None:
        """Receipts were settled."""
        for (owner, state), own in groupby(sorted(receipts, key=_owner_and_state), key=_owner_and_state):
            ids = [receipt.id for receipt in own]
            for start in range(0, len(ids), IDS_MOST):
                some = tuple(ids[start : start + IDS_MOST])
                self._bell.ring(Announcement(EventKind.RECEIPT, state, some, owner).text())


def _owner_and_state(receipt: Receipt) -> tuple[str, str]:
    return receipt.owner, receipt.state.value
