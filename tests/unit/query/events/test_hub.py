from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

from services.common.drops.receipt import Receipt, ReceiptState
from services.common.events.announcing import Announcement
from services.common.events.filter import EventFilter
from services.common.events.log import Cursor, EventLog
from services.common.events.messages import event_message
from services.common.events.model import Changed, Event, EventKind
from services.common.events.tokens import event_token
from services.common.queue.bell import Bell
from services.query.events.hub import EventHub, Passed

RECEIPT = Receipt(
    "r1", "ann", "ann", ReceiptState.PROCESSED, b"x" * 32, 4, 1, process_time_ns=7, measurement_times_ns=(5,)
)


def test_an_event_is_the_same_for_all_watchers_of_an_owner_and_another_for_another_owner() -> None:
    event, cursor = Event(EventKind.RECEIPT, RECEIPT, "processed", 7), Cursor.at(9)
    passed = Passed(event, cursor)
    for viewer in ("ann", "root", "ann"):
        assert passed.sent(viewer).message == event_message(event, viewer, event_token(cursor, event))
    assert passed.sent("ann") is passed.sent("ann")
    # An administrator reads the names of measurements with their owner.
    assert passed.sent("ann").message.receipt != passed.sent("root").message.receipt


class FewEvents:
    """A log that has one receipt once it is announced, and the bell for it."""

    def listen(self, heard: Callable[[str], None]) -> None:
        self.ring = heard

    async def page(self, *_: Any, **__: Any) -> list[Changed]:
        return []

    def __init__(self) -> None:
        self.reads = 0

    async def read(self, kind: EventKind, _ids: Any) -> list[Changed]:
        self.reads += 1
        return [Changed(kind, RECEIPT, [(7, "processed")])]


async def test_a_stream_gets_what_its_filter_accepts_and_another_one_with_the_same_filter_too() -> None:
    few, stopping = FewEvents(), asyncio.Event()
    hub = EventHub(cast(EventLog, few), cast(Bell, few), lambda: 0)
    running = asyncio.create_task(hub.run(stopping))
    accepting = [EventFilter(), EventFilter(owner="ann"), EventFilter(owner="ann"), EventFilter(kind=EventKind.RECEIPT)]
    others = [EventFilter(owner="bob"), EventFilter(invite="i1"), EventFilter(types=("RECEIPT_QUARANTINED",))]
    subscribed = [hub.subscribe(wanted) for wanted in (*accepting, *others)]
    streams = [await one.__aenter__() for one in subscribed]
    few.ring(Announcement(EventKind.RECEIPT, "processed", ("r1",), "ann").text())
    found = [await stream.next(1.0) for stream in streams[: len(accepting)]]
    assert [passed is not None and passed.event.resource for passed in found] == [RECEIPT] * len(accepting)
    assert [await stream.next(0.0) for stream in streams[len(accepting) :]] == [None] * len(others)
    for one in subscribed:
        await one.__aexit__(None, None, None)
    stopping.set()
    await running


async def test_nothing_is_read_that_no_stream_wants() -> None:
    few, stopping = FewEvents(), asyncio.Event()
    hub = EventHub(cast(EventLog, few), cast(Bell, few), lambda: 0)
    running = asyncio.create_task(hub.run(stopping))
    async with hub.subscribe(EventFilter(owner="ann", types=("RECEIPT_PROCESSED",))) as stream:
        few.ring(Announcement(EventKind.RECEIPT, "quarantined", ("r1",), "ann").text())
        few.ring(Announcement(EventKind.RECEIPT, "processed", ("r1",), "bob").text())
        few.ring(Announcement(EventKind.MEDIA, "processed", ("m1",), "ann").text())
        assert await stream.next(0.05) is None
        assert few.reads == 0
        few.ring(Announcement(EventKind.RECEIPT, "processed", ("r1",), "ann").text())
        assert await stream.next(1.0) is not None
        assert few.reads == 1
    stopping.set()
    await running
