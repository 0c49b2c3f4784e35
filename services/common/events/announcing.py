"""Rings the bell for what changed, so that those who read events look at once and at the right place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from services.common.drops.receipt import Receipt
from services.common.events.model import EventKind
from services.common.media.model import Media
from services.common.queue.bell import Bell

# So many ids of 26 characters stay below the length of a message.
IDS_MOST = 250


@dataclass(frozen=True, slots=True)
class Announcement:
    """Resources of one owner that changed."""

    kind: EventKind
    ids: tuple[str, ...]
    owner: str

    def text(self) -> str:
        """As a message of the bell; an owner may hold blanks."""
        return f"{self.kind.value} {','.join(self.ids)} {self.owner}"

    @classmethod
    def parse(cls, text: str) -> Announcement | None:
        """None for a message that is none."""
        kind, ids, owner = (*text.split(" ", 2), "", "")[:3]
        return cls(EventKind(kind), tuple(ids.split(",")), owner) if kind in set(EventKind) and ids else None


class Announcer:
    """Announces what the stores of media and receipts have stored."""

    def __init__(self, bell: Bell) -> None:
        self._bell = bell

    def media(self, media: Media) -> None:
        """A media changed in a way that callers can see."""
        self._bell.ring(Announcement(EventKind.MEDIA, (media.id,), media.owner).text())

    def receipts(self, receipts: Sequence[Receipt]) -> None:
        """Receipts were settled."""
        for owner, own in groupby(sorted(receipts, key=_owner), key=_owner):
            ids = [receipt.id for receipt in own]
            for start in range(0, len(ids), IDS_MOST):
                some = tuple(ids[start : start + IDS_MOST])
                self._bell.ring(Announcement(EventKind.RECEIPT, some, owner).text())


def _owner(receipt: Receipt) -> str:
    return receipt.owner
