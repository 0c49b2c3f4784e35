"""The embedded queue while the machine's clock is set forward or back by an hour."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from services.common.base.instants import to_ns
from services.common.catalog.sqlite.database import SqliteDatabase
from services.common.queue import Topic
from services.common.queue.embedded import EmbeddedQueue

TOPIC = Topic("test")
LEASE, AT_ONCE = timedelta(seconds=20), timedelta()
HOUR_NS = to_ns(timedelta(hours=1))


@dataclass
class Clock:
    now_ns: int = 1_700_000_000_000_000_000

    def __call__(self) -> int:
        return self.now_ns


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def queue(tmp_path: Path, clock: Clock) -> AsyncIterator[EmbeddedQueue]:
    database = await SqliteDatabase.open(tmp_path / "queue.sqlite")
    queue = await EmbeddedQueue.open(database, clock)
    yield queue
    await queue.close()
    await database.close()


async def test_a_clock_that_is_set_back_keeps_no_message_waiting(queue: EmbeddedQueue, clock: Clock) -> None:
    await queue.publish(TOPIC, [b"waiting"])
    clock.now_ns -= HOUR_NS
    (claim,) = await queue.claim(TOPIC, limit=5, lease=LEASE, wait=AT_ONCE)
    assert claim.body == b"waiting"
    assert await queue.acknowledge([claim]) == [True]


async def test_a_lease_from_before_a_clock_was_set_back_ends_for_a_holder_that_died(
    queue: EmbeddedQueue, clock: Clock
) -> None:
    await queue.publish(TOPIC, [b"held"])
    await queue.claim(TOPIC, limit=1, lease=LEASE, wait=AT_ONCE)
    clock.now_ns -= HOUR_NS
    await queue.publish(TOPIC, [b"new"])
    claims = await queue.claim(TOPIC, limit=5, lease=LEASE, wait=AT_ONCE)
    assert sorted((claim.body, claim.attempt) for claim in claims) == [(b"held", 2), (b"new", 1)]


async def test_a_clock_that_is_set_back_makes_no_claim_wait_longer(queue: EmbeddedQueue, clock: Clock) -> None:
    waiting = asyncio.create_task(queue.claim(TOPIC, limit=1, lease=LEASE, wait=timedelta(seconds=0.2)))
    await asyncio.sleep(0.05)
    clock.now_ns -= HOUR_NS
    async with asyncio.timeout(30):
        assert await waiting == []


async def test_a_clock_that_is_set_forward_ends_leases_and_loses_no_message(queue: EmbeddedQueue, clock: Clock) -> None:
    await queue.publish(TOPIC, [b"held"])
    (first,) = await queue.claim(TOPIC, limit=1, lease=LEASE, wait=AT_ONCE)
    clock.now_ns += HOUR_NS
    assert await queue.acknowledge([first]) == [False]
    (second,) = await queue.claim(TOPIC, limit=1, lease=LEASE, wait=AT_ONCE)
    assert (second.body, second.attempt) == (b"held", 2)
    assert await queue.acknowledge([second]) == [True]
