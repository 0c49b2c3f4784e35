"""RabbitMQ far away, and RabbitMQ gone."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from datetime import timedelta

import aio_pika
import pytest

from services.common.base.errors import StoreUnavailable
from services.common.queue import Claim, Topic
from services.common.queue.rabbitmq.queue import RabbitQueue
from tests.servers.rabbitmq import NARROW_USER
from tests.servers.toxiproxy import Link

LEASE = timedelta(seconds=60)
SOON = timedelta(seconds=10)
HELD = Topic("held")


@pytest.fixture
def topic() -> Topic:
    return Topic(f"test.{uuid.uuid4().hex}")


@pytest.fixture
def prefix() -> str:
    return f"far-{uuid.uuid4().hex}"


@pytest.fixture
def link(request: pytest.FixtureRequest) -> object:
    with request.getfixturevalue("toxiproxy").before(request.getfixturevalue("amqp_url")) as link:
        yield link


@pytest.fixture
async def queue(link: Link, prefix: str) -> AsyncIterator[RabbitQueue]:
    queue = await RabbitQueue.open(f"{link.url}?prefix={prefix}")
    yield queue
    await asyncio.to_thread(link.heal)
    await queue.close()


async def claim_all(queue: RabbitQueue, topic: Topic, count: int) -> list[Claim]:
    """Claims so many, also over a connection that is just being lost."""
    claims: list[Claim] = []
    while len(claims) < count:
        try:
            claims += await queue.claim(topic, limit=count - len(claims), lease=LEASE, wait=SOON)
        except StoreUnavailable:
            await asyncio.sleep(0.1)
    return claims


async def test_a_quarter_of_a_second_away_many_come_together(queue: RabbitQueue, link: Link, topic: Topic) -> None:
    await queue.publish(topic, [str(number).encode() for number in range(200)])
    await asyncio.to_thread(link.delay, 0.25)
    # One by one, each would take half a second there and back: 100 seconds.
    async with asyncio.timeout(30):
        done = 0
        while done < 200:
            claims = await queue.claim(topic, limit=50, lease=LEASE, wait=SOON)
            assert all(await queue.acknowledge(claims))
            done += len(claims)


async def test_a_claim_that_finds_nothing_ends_no_lease(queue: RabbitQueue, link: Link, topic: Topic) -> None:
    await queue.publish(HELD, [b"kept"])
    (held,) = await queue.claim(HELD, limit=1, lease=LEASE, wait=SOON)
    await asyncio.to_thread(link.delay, 0.5)
    assert await queue.claim(topic, limit=50, lease=LEASE, wait=timedelta(milliseconds=10)) == []
    assert await queue.extend(held, LEASE) is True
    assert await queue.acknowledge([held]) == [True]


async def test_while_it_is_gone_each_call_says_so_and_then_all_goes_on(
    queue: RabbitQueue, link: Link, topic: Topic
) -> None:
    await queue.publish(topic, [b"1", b"2"])
    (held,) = await queue.claim(topic, limit=1, lease=LEASE, wait=SOON)
    waiting = asyncio.create_task(queue.claim(HELD, limit=1, lease=LEASE, wait=LEASE))
    await asyncio.sleep(0.5)
    await asyncio.to_thread(link.cut)
    async with asyncio.timeout(20):
        with pytest.raises(StoreUnavailable):
            await waiting
        with pytest.raises(StoreUnavailable):
            await queue.publish(topic, [b"3"])
        assert await queue.acknowledge([held]) == [False]
        await asyncio.to_thread(link.heal)
        claims = await claim_all(queue, topic, 2)
    assert sorted(claim.body for claim in claims) == [b"1", b"2"]


async def test_lost_connections_make_no_dead_letter(queue: RabbitQueue, link: Link, topic: Topic) -> None:
    await queue.publish(topic, [b"unharmed"])
    async with asyncio.timeout(60):
        for _ in range(topic.max_attempts + 2):
            (claim,) = await claim_all(queue, topic, 1)
            assert claim.body == b"unharmed"
            await asyncio.to_thread(link.cut)
            await asyncio.to_thread(link.heal)
            while await queue.extend(claim, LEASE):  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        (claim,) = await claim_all(queue, topic, 1)
        assert await queue.acknowledge([claim]) == [True]
    assert await queue.dead_letters(topic) == []


async def test_a_queue_that_is_deleted_is_made_again(
    queue: RabbitQueue, amqp_url: str, prefix: str, topic: Topic
) -> None:
    assert await queue.claim(topic, limit=1, lease=LEASE, wait=timedelta(milliseconds=10)) == []
    connection = await aio_pika.connect(amqp_url)
    channel = await connection.channel()
    await channel.queue_delete(f"{prefix}.{topic.name}")
    await connection.close()
    async with asyncio.timeout(30):
        while True:
            try:
                await queue.publish(topic, [b"after"])
                break
            except StoreUnavailable:
                await asyncio.sleep(0.1)
        claims: list[Claim] = []
        while not claims:
            claims = await queue.claim(topic, limit=1, lease=LEASE, wait=timedelta(seconds=1))
    assert claims[0].body == b"after"


async def test_the_documented_rights_are_enough(amqp_url: str) -> None:
    if "guest:guest@127.0.0.1" not in amqp_url:
        pytest.skip("only the private server has the user with these rights")
    url = amqp_url.replace("guest:guest", f"{NARROW_USER}:{NARROW_USER}")
    queue, topic = await RabbitQueue.open(f"{url}?prefix=dropmesh-{uuid.uuid4().hex}"), Topic("narrow")
    rung = asyncio.Event()
    queue.bell.listen(lambda _: rung.set())
    await queue.publish(topic, [b"one"])
    [claim] = await queue.claim(topic, limit=1, lease=LEASE, wait=SOON)
    await queue.release(claim, reason="for a moment", delay=timedelta(milliseconds=50))
    [claim] = await queue.claim(topic, limit=1, lease=LEASE, wait=SOON)
    await queue.reject(claim, reason="it never works")
    assert [letter.reason for letter in await queue.dead_letters(topic)] == ["it never works"]
    assert await queue.purge(topic) == 1
    async with asyncio.timeout(10):
        while not rung.is_set():
            queue.bell.ring("hello")
            await asyncio.sleep(0.05)
    await queue.close()


async def test_a_wrong_virtual_host_is_named(amqp_url: str) -> None:
    with pytest.raises(StoreUnavailable) as raised:
        await RabbitQueue.open(f"{amqp_url}other%2Fhost")
    assert "no virtual host 'other/host'" in raised.value.cause
