from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import cast

from services.common.base.instants import SECOND_NS
from services.common.drops.receipt import Receipt, ReceiptState
from services.common.events.log import Cursor, EventLog
from services.common.events.model import Changed, EventKind
from services.common.events.reading import LOOK_BACK_NS, Reading

START_NS = 1_000 * SECOND_NS
RECEIPT = Receipt("a", "ann", "ann", ReceiptState.NEW, b"", 0, 0)


class FakeLog:
    """The log of a test: resources with the states that they reached."""

    def __init__(self) -> None:
        self.entries: dict[str, list[int]] = {}

    def reach(self, key: str, time_ns: int) -> None:
        self.entries.setdefault(key, []).append(time_ns)

    async def page(
        self, cursor: Cursor, *, owner: str | None, kinds: Iterable[EventKind], limit: int
    ) -> Sequence[Changed]:
        found = [
            Changed(EventKind.RECEIPT, replace(RECEIPT, id=key), [(time_ns, str(time_ns)) for time_ns in times])
            for key, times in self.entries.items()
        ]
        after = [changed for changed in found if changed.place > (cursor.at_ns, cursor.at_id)]
        return sorted(after, key=lambda changed: changed.place)[:limit]


class Reader:
    """A reading over a fake log, at a time of the test."""

    def __init__(self, log: FakeLog, cursor: Cursor, page: int = 2) -> None:
        self.now_ns = START_NS
        self.reading = Reading(cast(EventLog, log), cursor, lambda: self.now_ns, kinds=[EventKind.RECEIPT], page=page)

    async def read(self) -> list[tuple[str, int]]:
        return [
            (event.resource.id, event.time_ns - START_NS)
            async for _, events in self.reading.to_end()
            for event in events
        ]


async def test_each_state_is_read_once_and_those_of_a_resource_in_order() -> None:
    log = FakeLog()
    reader = Reader(log, Cursor.at(START_NS))
    for key, time_ns in (("a", 1), ("b", 2), ("a", 3), ("c", 3), ("a", 9)):
        log.reach(key, START_NS + time_ns)
    assert await reader.read() == [("b", 2), ("c", 3), ("a", 1), ("a", 3), ("a", 9)]
    assert await reader.read() == []
    log.reach("b", START_NS + 10)
    assert await reader.read() == [("b", 10)]


async def test_a_state_that_shows_late_is_read() -> None:
    log = FakeLog()
    reader = Reader(log, Cursor.at(START_NS))
    log.reach("a", START_NS + 5 * SECOND_NS)
    reader.now_ns = START_NS + 6 * SECOND_NS
    assert await reader.read() == [("a", 5 * SECOND_NS)]
    # Its write took long.
    log.reach("b", START_NS + 2 * SECOND_NS)
    reader.now_ns = START_NS + 9 * SECOND_NS
    assert await reader.read() == [("b", 2 * SECOND_NS)]


async def test_what_lies_far_back_is_forgotten_and_not_read_again() -> None:
    log = FakeLog()
    reader = Reader(log, Cursor.at(START_NS))
    for number in range(5):
        log.reach(f"r{number}", START_NS + number + 1)
    assert len(await reader.read()) == 5
    assert len(reader.reading.ahead) == 5
    reader.now_ns = START_NS + LOOK_BACK_NS + SECOND_NS
    assert await reader.read() == []
    assert reader.reading.ahead == {}
    assert reader.reading.cursor == Cursor.at(START_NS + SECOND_NS)


async def test_a_reader_that_stopped_in_the_middle_goes_on_there() -> None:
    log = FakeLog()
    for number in range(6):
        log.reach(f"r{number}", START_NS + number)
        log.reach(f"r{number}", START_NS + 10 + number)
    first = Reader(log, Cursor.at(START_NS - 1))
    first.now_ns = START_NS + 60 * SECOND_NS
    seen: list[str] = []
    async for changed, _ in first.reading.to_end():
        seen.append(changed.resource.id)
        if len(seen) == 3:
            break
    second = Reader(log, first.reading.cursor)
    second.now_ns = first.now_ns
    found = await second.read()
    assert {key for key, _ in found} | set(seen) == {f"r{number}" for number in range(6)}
    # Both states of a resource that stands in the log once.
    assert [time_ns for key, time_ns in found if key == "r5"] == [5, 15]


async def test_a_clock_that_is_set_back_hides_no_state() -> None:
    log = FakeLog()
    reader = Reader(log, Cursor.at(START_NS))
    log.reach("before", START_NS + 1)
    reader.now_ns = START_NS + 60 * SECOND_NS
    assert await reader.read() == [("before", 1)]
    hour_ns = 3600 * SECOND_NS
    reader.now_ns -= hour_ns
    log.reach("after", reader.now_ns)
    assert await reader.read() == [("after", reader.now_ns - START_NS)]
    # Once it is as late as it was, at worst a state comes a second time.
    reader.now_ns += hour_ns
    log.reach("at last", reader.now_ns)
    assert (await reader.read())[-1] == ("at last", reader.now_ns - START_NS)


async def test_a_state_that_is_announced_after_the_clock_was_set_back_is_not_taken_for_an_old_one() -> None:
    reader = Reader(FakeLog(), Cursor.at(START_NS))
    reader.now_ns -= 3600 * SECOND_NS
    changed = Changed(EventKind.RECEIPT, RECEIPT, [(reader.now_ns, "new")])
    (event,) = reader.reading.take(changed)
    assert reader.reading.has(event)
