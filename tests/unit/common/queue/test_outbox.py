from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from services.common.base.errors import StoreUnavailable
from services.common.queue.outbox import SWEPT_AGAIN_AFTER, Outbox


@dataclass(frozen=True)
class Item:
    id: str
    version: int = 1


@dataclass
class Noun:
    """Keeps what is published, and finds what it is given."""

    published: list[list[str]] = field(default_factory=list)
    lost: list[Item] = field(default_factory=list)
    is_away: bool = False

    async def publish(self, items: Sequence[Item]) -> None:
        await asyncio.sleep(0)
        if self.is_away:
            raise StoreUnavailable("queue", "gone")
        self.published.append([item.id for item in items])

    async def find(self) -> Sequence[Item]:
        return self.lost


class Clock:
    seconds = 1000.0

    def __call__(self) -> int:
        return round(self.seconds * 1e9)


def outbox(noun: Noun, clock: Clock | None = None, gather: timedelta = timedelta()) -> Outbox[Item]:
    return Outbox("things", noun, clock or Clock(), gather=gather)


async def test_what_comes_while_a_batch_is_published_gathers_for_the_next() -> None:
    noun = Noun()
    box = outbox(noun, gather=timedelta(milliseconds=20))
    stopping = asyncio.Event()
    running = asyncio.create_task(box.run(stopping))
    box.add(Item("1"))
    async with asyncio.timeout(10):
        while not noun.published:  # noqa: ASYNC110
            await asyncio.sleep(0)
        box.add(Item("2"))
        box.add(Item("3"))
        while len(noun.published) < 2:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
        stopping.set()
        await running
    assert noun.published == [["1"], ["2", "3"]]


async def test_a_queue_that_is_away_stops_nothing_and_the_sweep_publishes() -> None:
    noun = Noun(is_away=True)
    box = outbox(noun)
    box.add(Item("1"))
    await box.publish_waiting()
    noun.is_away, noun.lost = False, [Item("1")]
    assert await box.sweep() == 1
    assert noun.published == [["1"]]


async def test_what_was_swept_and_did_not_change_has_time_to_get_its_turn() -> None:
    noun, clock = Noun(lost=[Item("1")]), Clock()
    box = outbox(noun, clock)
    assert await box.sweep() == 1
    assert await box.sweep() == 0
    clock.seconds += SWEPT_AGAIN_AFTER.total_seconds() + 1
    assert await box.sweep() == 1


async def test_what_changed_since_it_was_swept_is_swept_again() -> None:
    noun = Noun(lost=[Item("1")])
    box = outbox(noun)
    assert await box.sweep() == 1
    noun.lost = [replace(noun.lost[0], version=2)]
    assert await box.sweep() == 1


async def test_a_sweep_that_fails_is_no_sweep() -> None:
    noun = Noun(lost=[Item("1")], is_away=True)
    box = outbox(noun)
    try:
        await box.sweep()
    except StoreUnavailable:
        noun.is_away = False
    assert await box.sweep() == 1
