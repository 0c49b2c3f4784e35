"""The queue on RabbitMQ: durable quorum queues, publisher confirms, consumers, dead letters."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from aio_pika.abc import AbstractIncomingMessage, AbstractQueue

from services.common.queue import LEASE_ENDED, Claim, DeadLetter, Topic
from services.common.queue.bell import Bell
from services.common.queue.rabbitmq.bell import RabbitBell
from services.common.queue.rabbitmq.connection import BROKEN, Arguments, RabbitConnection
from services.common.queue.rabbitmq.dead_letters import DeadLetters
from services.common.queue.rabbitmq.intake import Consumer, Intake
from services.common.queue.rabbitmq.names import ATTEMPTS, DELIVERIES, QUORUM, REASON, Names, address_and_prefix

# An outage ends connections, and is no fault of what they carried; only a message that never gets through is given up.
LOST_CONNECTIONS_MOST = 20
WHOLE_SECOND = timedelta(seconds=1)


@dataclass(slots=True)
class _Held:
    """A claimed message; its lease is a timer here, since RabbitMQ knows none."""

    claim: Claim
    message: AbstractIncomingMessage
    consumer: Consumer
    timer: asyncio.TimerHandle


class RabbitQueue:
    """As many messages are sent ahead as claims ask for, and no more: others find the rest.

    The death of a holder's process ends its leases at once. `depth` leaves out what other processes hold: only
    RabbitMQ's own tools count that.
    """

    def __init__(self, url: str, now_ns: Callable[[], int] = time.time_ns) -> None:
        address, prefix = address_and_prefix(url)
        self._names = Names(prefix)
        self._connection = RabbitConnection(address)
        self._bell = RabbitBell(self._connection, self._names.bell)
        self._dead = DeadLetters(self._connection, self._names, now_ns)
        self._intakes: dict[str, Intake] = {}
        self._held: dict[str, _Held] = {}
        self._expiring: set[asyncio.Task[None]] = set()

    @classmethod
    async def open(cls, url: str) -> RabbitQueue:
        """Connects."""
        queue = cls(url)
        await queue._connection.guarded(queue._connection.channel)
        return queue

    async def publish(
        self,
        topic: Topic,
        bodies: Sequence[bytes],
        *,
        delay: timedelta = timedelta(),
        swept: bool = False,
    ) -> None:
        """See the port."""

        async def send() -> None:
            name = await self._queue_after(topic, delay)
            await asyncio.gather(*(self._connection.send(name, body) for body in bodies))

        await self._connection.guarded(send)

    async def claim(self, topic: Topic, *, limit: int, lease: timedelta, wait: timedelta) -> list[Claim]:
        """See the port."""
        loop = asyncio.get_running_loop()
        give_up = loop.time() + wait.total_seconds()
        intake = self._intake(topic)
        while True:
            await self._connection.guarded(lambda: intake.grow(limit))
            taken = await intake.take(limit, give_up - loop.time())
            claims = [self._hold(topic, message, consumer, lease) for message, consumer in taken]
            spent = [claim for claim in claims if _is_spent(self._held[claim.token].message, topic)]
            for claim in spent:
                reason = self._held[claim.token].message.headers.get(REASON, LEASE_ENDED)
                await self._reject(claim, str(reason), claim.attempt - 1)
            if claims := [claim for claim in claims if claim not in spent]:
                return claims
            if loop.time() >= give_up:
                return []

    async def extend(self, claim: Claim, lease: timedelta) -> bool:
        """See the port."""
        held = self._live(claim)
        if held is None:
            return False
        held.timer.cancel()
        held.timer = self._timer(claim.token, lease)
        return True

    async def acknowledge(self, claims: Sequence[Claim]) -> list[bool]:
        """See the port."""
        return [await self._end(claim) for claim in claims]

    async def release(self, claim: Claim, *, reason: str, delay: timedelta = timedelta()) -> bool:
        """See the port."""
        if claim.topic.max_attempts is not None and claim.attempt >= claim.topic.max_attempts:
            return await self.reject(claim, reason=reason)
        return await self._again(claim, claim.attempt, reason, delay)

    async def put_back(self, claim: Claim, *, delay: timedelta = timedelta()) -> bool:
        """See the port."""
        return await self._again(claim, claim.attempt - 1, "", delay)

    async def reject(self, claim: Claim, *, reason: str) -> bool:
        """See the port."""
        return await self._reject(claim, reason, claim.attempt)

    async def depth(self, topic: Topic) -> int:
        """See the port."""

        async def count() -> int:
            return await self._connection.count(await self._queue_after(topic, timedelta()))

        waiting = await self._connection.guarded(count)
        claimed = sum(1 for held in self._held.values() if held.claim.topic == topic)
        return waiting + self._intake(topic).unclaimed + claimed

    async def dead_letters(self, topic: Topic, *, limit: int = 100) -> list[DeadLetter]:
        """See the port."""
        return await self._connection.guarded(lambda: self._dead.oldest(topic, limit))

    async def dead_count(self, topic: Topic) -> int:
        """See the port."""
        return await self._connection.guarded(lambda: self._dead.count(topic))

    async def revive(self, topic: Topic, *, ids: Collection[str] = (), limit: int = 100) -> int:
        """See the port."""

        async def publish(message: AbstractIncomingMessage) -> None:
            await self._connection.send(await self._queue_after(topic, timedelta()), message.body)

        return await self._connection.guarded(lambda: self._dead.remove(topic, ids, limit, publish))

    async def purge(self, topic: Topic, *, ids: Collection[str] = (), limit: int = 100) -> int:
        """See the port."""
        return await self._connection.guarded(lambda: self._dead.remove(topic, ids, limit))

    @property
    def bell(self) -> Bell:
        """See the port."""
        return self._bell

    async def close(self) -> None:
        """See the port."""
        await self._bell.close()
        for held in self._held.values():
            held.timer.cancel()
        self._held.clear()
        await self._connection.close()

    def _intake(self, topic: Topic) -> Intake:
        if topic.name not in self._intakes:
            self._intakes[topic.name] = Intake(partial(self._consumer, topic), partial(self._renew, topic))
        return self._intakes[topic.name]

    async def _renew(self, topic: Topic) -> bool:
        """Makes the topic's queue where it was deleted; returns whether the broker still knows consumers of it."""
        found = await self._connection.declare(self._names.queue(topic), QUORUM, anew=True)
        return bool(found.declaration_result.consumer_count)

    async def _consumer(self, topic: Topic, size: int) -> tuple[Consumer, AbstractQueue]:
        name = await self._queue_after(topic, timedelta())
        channel = await self._connection.new_channel(size)
        channel.close_callbacks.add(self._wake)
        return Consumer(channel, size), await channel.get_queue(name, ensure=False)

    def _wake(self, *_: object) -> None:
        for intake in self._intakes.values():
            intake.wake()

    def _hold(self, topic: Topic, message: AbstractIncomingMessage, consumer: Consumer, lease: timedelta) -> Claim:
        token = secrets.token_hex(8)
        attempt = _number(message, ATTEMPTS) + _number(message, DELIVERIES) + 1
        claim = Claim(topic, message.body, attempt, token)
        self._held[token] = _Held(claim, message, consumer, self._timer(token, lease))
        return claim

    def _live(self, claim: Claim) -> _Held | None:
        held = self._held.get(claim.token)
        if held is not None and held.consumer.is_closed:
            # The broker took the message back when the connection ended.
            held.timer.cancel()
            del self._held[claim.token]
            return None
        return held

    async def _end(self, claim: Claim) -> bool:
        held = self._live(claim)
        if held is None:
            return False
        del self._held[claim.token]
        held.timer.cancel()
        return await _settle(held)

    async def _again(self, claim: Claim, attempts: int, reason: str, delay: timedelta) -> bool:
        """Publishes the message anew; a crash before the old one is acknowledged doubles it and cannot lose it."""
        if self._live(claim) is None:
            return False

        async def send() -> bool:
            headers: Arguments = {ATTEMPTS: attempts, **({REASON: reason} if reason else {})}
            await self._connection.send(await self._queue_after(claim.topic, delay), claim.body, headers)
            return await self._end(claim)

        return await self._connection.guarded(send)

    async def _reject(self, claim: Claim, reason: str, attempts: int) -> bool:
        if self._live(claim) is None:
            return False

        async def send() -> bool:
            await self._dead.bury(claim.topic, claim.body, reason, attempts)
            return await self._end(claim)

        return await self._connection.guarded(send)

    def _timer(self, token: str, lease: timedelta) -> asyncio.TimerHandle:
        return asyncio.get_running_loop().call_later(lease.total_seconds(), self._expire, token)

    def _expire(self, token: str) -> None:
        held = self._held.pop(token, None)
        if held is not None:
            task = asyncio.get_running_loop().create_task(self._give_back(held))
            self._expiring.add(task)
            task.add_done_callback(self._expiring.discard)

    async def _give_back(self, held: _Held) -> None:
        """Publishes a message whose lease ended anew, with its attempt counted."""
        headers: Arguments = {ATTEMPTS: held.claim.attempt, REASON: LEASE_ENDED}
        try:
            name = await self._queue_after(held.claim.topic, timedelta())
            await self._connection.send(name, held.claim.body, headers)
        except BROKEN:
            with suppress(*BROKEN):
                await held.message.nack(requeue=True)
            held.consumer.claimed -= 1
        else:
            await _settle(held)

    async def _queue_after(self, topic: Topic, delay: timedelta) -> str:
        """The topic's queue, or one from which messages come to it after a delay."""
        target = await self._connection.declare(self._names.queue(topic), QUORUM)
        if delay >= WHOLE_SECOND:
            # Each length of delay has a queue: few lengths, few queues.
            delay = WHOLE_SECOND * -(-delay // WHOLE_SECOND)
        milliseconds = delay // timedelta(milliseconds=1)
        if milliseconds <= 0:
            return target.name
        # It may have gone away since it was last used.
        return (await self._connection.declare(*self._names.delayed(topic, milliseconds), anew=True)).name


async def _settle(held: _Held) -> bool:
    """Acknowledges a message; False where its connection is gone, and the broker gives it out again."""
    held.consumer.claimed -= 1
    try:
        await held.message.ack()
        await held.consumer.close_unused()
    except BROKEN:
        return False
    return True


def _number(message: AbstractIncomingMessage, header: str) -> int:
    return int(str(message.headers.get(header, 0)))


def _is_spent(message: AbstractIncomingMessage, topic: Topic) -> bool:
    """Whether a message was claimed as often as it may be."""
    if topic.max_attempts is None:
        return False
    attempts = _number(message, ATTEMPTS)
    return attempts >= topic.max_attempts or (
        attempts + _number(message, DELIVERIES) >= topic.max_attempts + LOST_CONNECTIONS_MOST
    )
