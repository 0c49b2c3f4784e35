"""The promise of services.common.queue, executed on every adapter."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from contextlib import suppress
from datetime import timedelta

import pytest

from services.common.queue import Topic
from services.common.queue.rabbitmq.queue import RabbitQueue
from tests.contract.queue.claiming import LATER, LEASE, NOW, SHORT, SOON, claim_all, claim_one


async def test_what_is_published_is_claimed(queue, topic):
    await queue.publish(topic, [b"one", b"two", b"three"])
    claims = await claim_all(queue, topic, 3)
    assert [claim.body for claim in claims] == [b"one", b"two", b"three"]
    assert {claim.attempt for claim in claims} == {1}
    assert await queue.acknowledge(claims) == [True, True, True]
    assert await queue.claim(topic, limit=10, lease=LEASE, wait=NOW) == []


async def test_any_bytes_are_a_body(queue, topic):
    bodies = [b"", bytes(range(256)), b"x" * 100_000]
    await queue.publish(topic, bodies)
    assert [claim.body for claim in await claim_all(queue, topic, 3)] == bodies


async def test_no_more_are_claimed_than_asked_for(queue, topic):
    await queue.publish(topic, [b"1", b"2", b"3"])
    assert len(await claim_all(queue, topic, 2)) == 2
    assert len(await queue.claim(topic, limit=2, lease=LEASE, wait=SOON)) == 1


async def test_topics_are_apart(queue, topic):
    await queue.publish(topic, [b"here"])
    assert await queue.claim(Topic(f"{topic.name}.other"), limit=1, lease=LEASE, wait=NOW) == []


async def test_a_claimed_message_is_with_one_claimer(opened, topic):
    first, second = await opened(), await opened()
    await first.publish(topic, [str(number).encode() for number in range(40)])
    shares = await asyncio.gather(*(claim_all(queue, topic, 10) for queue in (first, second, first, second)))
    bodies = [claim.body for share in shares for claim in share]
    assert len(bodies) == len(set(bodies)) == 40


async def test_a_claim_waits_for_work_that_another_publishes(opened, topic):
    claimer, publisher = await opened(), await opened()
    waiting = asyncio.create_task(claimer.claim(topic, limit=1, lease=LEASE, wait=SOON))
    await asyncio.sleep(0.1)
    assert not waiting.done()
    await publisher.publish(topic, [b"now"])
    assert [claim.body for claim in await waiting] == [b"now"]


async def test_an_empty_queue_gives_up_after_the_wait(queue, topic):
    assert await queue.claim(topic, limit=1, lease=LEASE, wait=timedelta(milliseconds=50)) == []


async def test_a_lease_that_ends_gives_the_message_to_the_next(queue, topic):
    await queue.publish(topic, [b"slow"])
    stale = await claim_one(queue, topic, lease=SHORT)
    again = await claim_one(queue, topic)
    assert (again.body, again.attempt) == (b"slow", 2)
    assert await queue.acknowledge([stale]) == [False]
    assert await queue.extend(stale, LEASE) is False
    assert await queue.release(stale, reason="late") is False
    assert await queue.reject(stale, reason="late") is False
    assert await queue.acknowledge([again]) == [True]


async def test_an_extended_lease_lasts(queue, topic):
    await queue.publish(topic, [b"long"])
    claim = await claim_one(queue, topic, lease=LATER)
    assert await queue.extend(claim, LEASE) is True
    assert await queue.claim(topic, limit=1, lease=LEASE, wait=1.5 * LATER) == []
    assert await queue.acknowledge([claim]) == [True]


async def test_an_acknowledged_message_cannot_be_acknowledged_again(queue, topic):
    await queue.publish(topic, [b"once"])
    claim = await claim_one(queue, topic)
    assert await queue.acknowledge([claim]) == [True]
    assert await queue.acknowledge([claim]) == [False]


async def test_a_released_message_is_claimed_again(queue, topic):
    await queue.publish(topic, [b"again"])
    assert await queue.release(await claim_one(queue, topic), reason="not now") is True
    claim = await claim_one(queue, topic)
    assert (claim.body, claim.attempt) == (b"again", 2)


async def test_a_release_with_delay_waits(queue, topic):
    await queue.publish(topic, [b"later"])
    await queue.release(await claim_one(queue, topic), reason="not now", delay=LATER)
    assert await queue.claim(topic, limit=1, lease=LEASE, wait=timedelta(milliseconds=100)) == []
    assert (await claim_one(queue, topic)).attempt == 2


async def test_what_is_published_with_delay_waits(queue, topic):
    await queue.publish(topic, [b"later"], delay=LATER)
    assert await queue.claim(topic, limit=1, lease=LEASE, wait=timedelta(milliseconds=100)) == []
    assert (await claim_one(queue, topic)).body == b"later"


async def test_what_is_put_back_has_lost_no_attempt(queue, topic):
    await queue.publish(topic, [b"unharmed"])
    for _ in range(topic.max_attempts + 2):
        claim = await claim_one(queue, topic)
        assert (claim.body, claim.attempt) == (b"unharmed", 1)
        assert await queue.put_back(claim) is True
    assert await queue.put_back(claim) is False
    assert await queue.dead_letters(topic) == []


@pytest.mark.parametrize("turns", range(6))
async def test_what_a_cancelled_claim_took_is_claimed_at_once(queue, topic, turns):
    await queue.publish(topic, [b"work"])
    claiming = asyncio.create_task(queue.claim(topic, limit=1, lease=LEASE, wait=SOON))
    for _ in range(turns):
        await asyncio.sleep(0)
    claiming.cancel()
    with suppress(asyncio.CancelledError):
        for claim in await claiming:
            await queue.put_back(claim)
    claim = await claim_one(queue, topic)
    assert (claim.body, claim.attempt) == (b"work", 1)


async def test_what_is_put_back_with_delay_waits(queue, topic):
    await queue.publish(topic, [b"later"])
    await queue.put_back(await claim_one(queue, topic), delay=LATER)
    assert await queue.claim(topic, limit=1, lease=LEASE, wait=timedelta(milliseconds=100)) == []
    assert (await claim_one(queue, topic)).attempt == 1


async def test_a_topic_without_a_limit_gives_nothing_up(queue, topic):
    endless = Topic(topic.name, max_attempts=None)
    await queue.publish(endless, [b"again"])
    for attempt in range(1, 9):
        claim = await claim_one(queue, endless)
        assert claim.attempt == attempt
        await queue.release(claim, reason="not now")
    assert await queue.dead_letters(endless) == []


async def test_what_nobody_claims_any_more_goes_to_others(opened, topic):
    first, second = await opened(), await opened()
    assert await first.claim(topic, limit=2, lease=LEASE, wait=timedelta(milliseconds=300)) == []
    await first.publish(topic, [b"1", b"2", b"3"])
    bodies = []
    async with asyncio.timeout(20):
        while len(bodies) < 3:
            bodies += [claim.body for claim in await second.claim(topic, limit=1, lease=LEASE, wait=SOON)]
    assert sorted(bodies) == [b"1", b"2", b"3"]


async def test_depth_counts_what_waits_and_what_is_worked_on(queue, topic):
    assert await queue.depth(topic) == 0
    await queue.publish(topic, [b"1", b"2", b"3"])
    claim = await claim_one(queue, topic)
    assert await queue.depth(topic) == 3
    await queue.acknowledge([claim])
    assert await queue.depth(topic) == 2


async def test_many_publish_and_claim_at_once_and_each_message_ends_once(opened, topic):
    queues = [await opened() for _ in range(3)]
    await asyncio.gather(
        *(queues[number % 3].publish(topic, [f"{number}.{part}".encode() for part in range(5)]) for number in range(30))
    )
    done: list[bytes] = []

    async def work(queue):
        while claims := await queue.claim(topic, limit=7, lease=LEASE, wait=timedelta(milliseconds=300)):
            assert all(await queue.acknowledge(claims))
            done.extend(claim.body for claim in claims)

    await asyncio.gather(*(work(queue) for queue in queues))
    assert sorted(done) == sorted(f"{number}.{part}".encode() for number in range(30) for part in range(5))


HOLD = """
import asyncio, json, sys
from datetime import timedelta
from services.common.catalog.opening import open_catalog
from services.common.stores.open import open_queue
from services.common.queue import Topic
from services.common.settings import Settings

async def main():
    settings = Settings(**json.loads(sys.argv[1]))
    queue = await open_queue(settings, await open_catalog(settings.catalog_url, ()))
    topic = Topic(sys.argv[2], max_attempts=3)
    await queue.publish(topic, [b"published"])
    print("published", flush=True)
    await queue.claim(topic, limit=1, lease=timedelta(seconds=1), wait=timedelta(seconds=5))
    print("claimed", flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


async def test_the_work_of_a_killed_process_is_claimed_again(queue, queue_settings, topic):
    given = queue_settings.model_dump_json(exclude_defaults=True)
    with subprocess.Popen([sys.executable, "-c", HOLD, given, topic.name], stdout=subprocess.PIPE) as process:  # noqa: ASYNC220
        assert process.stdout.readline() == b"published\n"
        assert process.stdout.readline() == b"claimed\n"
        os.kill(process.pid, signal.SIGKILL)
    claim = await claim_one(queue, topic, wait=timedelta(seconds=10))
    assert (claim.body, claim.attempt) == (b"published", 2)


async def test_closing_gives_back_what_is_claimed(opened, topic):
    first, second = await opened(), await opened()
    await first.publish(topic, [b"held"])
    await claim_one(first, topic, lease=timedelta(seconds=1))
    await first.close()
    claim = await claim_one(second, topic)
    assert (claim.body, claim.attempt) == (b"held", 2)


@pytest.mark.parametrize("count", [1, 500])
async def test_a_batch_is_published_whole(queue, topic, count):
    await queue.publish(topic, [str(number).encode() for number in range(count)])
    assert await queue.depth(topic) == count


async def test_two_meshes_on_one_rabbitmq_are_apart_by_their_prefix(amqp_url, topic):
    one, other = await RabbitQueue.open(f"{amqp_url}?prefix=one"), await RabbitQueue.open(f"{amqp_url}?prefix=other")
    try:
        await one.publish(topic, [b"for one"])
        assert await other.claim(topic, limit=1, lease=timedelta(seconds=30), wait=timedelta(seconds=1)) == []
        (claim,) = await one.claim(topic, limit=1, lease=timedelta(seconds=30), wait=timedelta(seconds=5))
        assert claim.body == b"for one"
    finally:
        await one.close()
        await other.close()


async def test_the_bell_is_heard_by_every_process_that_listens(queue, opened):
    other = await opened()
    heard: asyncio.Queue[str] = asyncio.Queue()
    also: asyncio.Queue[str] = asyncio.Queue()
    queue.bell.listen(heard.put_nowait)
    other.bell.listen(also.put_nowait)
    async with asyncio.timeout(10):
        # A listener may need a moment before it hears.
        while heard.empty() or also.empty():
            other.bell.ring("first")
            await asyncio.sleep(0.05)
        text = "receipts ann " + " ".join(["0123456789abcdefghijklmn"] * 250)
        other.bell.ring(text)
        for listener in (heard, also):
            while (message := await listener.get()) == "first":
                pass
            assert message == text
