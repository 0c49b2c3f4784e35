from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from services.common.drops.receipt import Receipt, ReceiptState
from services.common.events.announcing import IDS_MOST, Announcement, Announcer
from services.common.events.model import EventKind

RECEIPT = Receipt("0" * 26, "ann of the mill", "ann", ReceiptState.PROCESSED, b"", 0, 0)


class FakeBell:
    """Keeps what was rung."""

    def __init__(self) -> None:
        self.rung: list[str] = []

    def ring(self, message: str) -> None:
        self.rung.append(message)

    def listen(self, heard: Callable[[str], None]) -> None:
        """Nobody hears it."""


def test_an_owner_with_blanks_comes_through() -> None:
    announcement = Announcement(EventKind.MEDIA, "processed", ("one", "two"), "ann of the mill")
    assert Announcement.parse(announcement.text()) == announcement
    assert announcement.type == "MEDIA_PROCESSED"


def test_other_messages_are_none() -> None:
    for text in ("", "media", "nonsense new one ann", "media new", "media new  ann"):
        assert Announcement.parse(text) is None


def test_many_receipts_are_announced_in_short_messages_by_owner_and_state() -> None:
    bell = FakeBell()
    receipts = [replace(RECEIPT, id=f"{number:026}") for number in range(2 * IDS_MOST + 1)]
    others = [replace(RECEIPT, id=state, owner="bob", state=state) for state in sorted(ReceiptState)[-2:]]
    Announcer(bell).receipts([*receipts, *others])
    found = [Announcement.parse(text) for text in bell.rung]
    assert [(one.owner, len(one.ids)) for one in found if one] == [
        ("ann of the mill", IDS_MOST),
        ("ann of the mill", IDS_MOST),
        ("ann of the mill", 1),
        ("bob", 1),
        ("bob", 1),
    ]
    assert max(map(len, bell.rung)) < 8192
