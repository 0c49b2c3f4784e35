from __future__ import annotations

from services.common.drops.receipt import Receipt, ReceiptState
from services.common.events.log import Cursor
from services.common.events.messages import event_message
from services.common.events.model import Event, EventKind
from services.common.events.tokens import event_token
from services.query.events.hub import Passed

RECEIPT = Receipt(
    "r1", "ann", "ann", ReceiptState.PROCESSED, b"x" * 32, 4, 1, process_time_ns=7, measurement_times_ns=(5,)
)


def test_an_event_is_the_same_for_all_watchers_of_an_owner_and_another_for_another_owner() -> None:
    event, cursor = Event(EventKind.RECEIPT, RECEIPT, "processed", 7), Cursor.at(9)
    passed = Passed(event, cursor)
    for viewer in ("ann", "root", "ann"):
        assert passed.message(viewer) == event_message(event, viewer, event_token(cursor, event))
    assert passed.message("ann") is passed.message("ann")
    # An administrator reads the names of measurements with their owner.
    assert passed.message("ann").receipt != passed.message("root").receipt
