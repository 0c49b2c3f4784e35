"""The promise of services.common.queue on what is given up, executed on every adapter."""

from __future__ import annotations

import asyncio
import time

from services.common.queue import Topic
from tests.contract.queue.claiming import LEASE, NOW, SHORT, claim_all, claim_one


async def test_the_last_release_is_a_dead_letter(queue, topic):
    await queue.publish(topic, [b"bad"])
    for attempt in range(1, topic.max_attempts + 1):
        claim = await claim_one(queue, topic)
        assert claim.attempt == attempt
        await queue.release(claim, reason=f"failure {attempt}")
    assert await queue.claim(topic, limit=1, lease=LEASE, wait=NOW) == []
    (letter,) = await queue.dead_letters(topic)
    assert (letter.body, letter.reason) == (b"bad", f"failure {topic.max_attempts}")


async def test_leases_that_end_too_often_make_a_dead_letter(queue, topic):
    await queue.publish(topic, [b"hangs"])
    for attempt in range(1, topic.max_attempts + 1):
        assert (await claim_one(queue, topic, lease=SHORT)).attempt == attempt
    assert await queue.claim(topic, limit=1, lease=LEASE, wait=4 * SHORT) == []
    assert [letter.body for letter in await queue.dead_letters(topic)] == [b"hangs"]


async def test_a_rejected_message_is_a_dead_letter_at_once(queue, topic):
    await queue.publish(topic, [b"never"])
    assert await queue.reject(await claim_one(queue, topic), reason="cannot be read") is True
    assert await queue.claim(topic, limit=1, lease=LEASE, wait=NOW) == []
    for _ in range(2):
        assert [(letter.body, letter.reason) for letter in await queue.dead_letters(topic)] == [
            (b"never", "cannot be read")
        ]


async def test_revived_letters_are_work_again(queue, topic):
    await queue.publish(topic, [b"1", b"2"])
    for claim in await claim_all(queue, topic, 2):
        await queue.reject(claim, reason="too early")
    assert await queue.revive(topic) == 2
    assert await queue.dead_letters(topic) == []
    claims = await claim_all(queue, topic, 2)
    assert [(claim.body, claim.attempt) for claim in claims] == [(b"1", 1), (b"2", 1)]


async def test_a_dead_letter_says_why_how_often_and_since_when(queue, topic):
    before_ns = time.time_ns()
    await queue.publish(topic, [b"odd"])
    await queue.release(await claim_one(queue, topic), reason="not now")
    await queue.reject(await claim_one(queue, topic), reason="cannot be read")
    (letter,) = await queue.dead_letters(topic)
    assert (letter.body, letter.reason, letter.attempts) == (b"odd", "cannot be read", 2)
    assert before_ns <= letter.dead_since_ns <= time.time_ns()


async def bury(queue, topic, *bodies):
    """Makes dead letters, and returns their ids by their bodies."""
    await queue.publish(topic, bodies)
    for claim in await claim_all(queue, topic, len(bodies)):
        await queue.reject(claim, reason="too early")
    return {letter.body: letter.id for letter in await queue.dead_letters(topic)}


async def counts(queue, topic, expected):
    """Waits until so many dead letters are counted."""
    async with asyncio.timeout(5):
        while await queue.dead_count(topic) != expected:  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def test_dead_letters_are_counted_by_topic(queue, topic):
    assert await queue.dead_count(topic) == 0
    await bury(queue, topic, b"1", b"2")
    await counts(queue, topic, 2)
    assert await queue.dead_count(Topic(f"{topic.name}.other")) == 0
    assert await queue.depth(topic) == 0


async def test_one_dead_letter_is_revived_by_its_id(queue, topic):
    ids = await bury(queue, topic, b"1", b"2", b"3")
    assert await queue.revive(topic, ids=[ids[b"2"], "999999"]) == 1
    claim = await claim_one(queue, topic)
    assert (claim.body, claim.attempt) == (b"2", 1)
    assert [letter.body for letter in await queue.dead_letters(topic)] == [b"1", b"3"]


async def test_no_more_are_revived_than_asked_for_oldest_first(queue, topic):
    await bury(queue, topic, b"1", b"2", b"3")
    for _ in range(2):
        assert [letter.body for letter in await queue.dead_letters(topic)] == [b"1", b"2", b"3"]
    assert await queue.revive(topic, limit=2) == 2
    assert [letter.body for letter in await queue.dead_letters(topic)] == [b"3"]


async def test_purged_letters_are_gone(queue, topic):
    ids = await bury(queue, topic, b"1", b"2", b"3")
    assert await queue.purge(topic, ids=[ids[b"1"]]) == 1
    assert [letter.body for letter in await queue.dead_letters(topic)] == [b"2", b"3"]
    assert await queue.purge(topic) == 2
    assert await queue.purge(topic) == 0
    await counts(queue, topic, 0)
    assert await queue.depth(topic) == 0
