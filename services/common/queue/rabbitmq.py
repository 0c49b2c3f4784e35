"""The queue on RabbitMQ: durable quorum queues, publisher confirms, dead letters."""

from __future__ import annotations

import asyncio
import secrets
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractExchange, AbstractIncomingMessage, AbstractQueue
from aio_pika.exceptions import AMQPError, ChannelInvalidStateError

from services.common.base.errors import StoreUnavailable
from services.common.queue import LEASE_ENDED, Claim, DeadLetter, Topic

Result = TypeVar("Result")

STORE = "queue"
PREFIX = "dropmesh"
ATTEMPTS = "x-attempts"
REASON = "x-reason"
DEAD_SINCE = "x-dead-since-ns"
QUORUM: dict[str, str | int] = {"x-queue-type": "quorum"}
# A bell that was not heard, a delay that ended, a holder that died: nobody rings for those.
LOOK_AGAIN_SECONDS = 0.5
REPLY_SECONDS = 10.0
# A queue for one length of delay goes away when it was not used for that long.
DELAY_QUEUE_UNUSED = timedelta(minutes=10)
BROKEN = (AMQPError, ChannelInvalidStateError, ConnectionError, TimeoutError, OSError, RuntimeError)


@dataclass(slots=True)
class _Held:
    """A message that this process holds; its lease is a timer here, since RabbitMQ knows none."""

    message: AbstractIncomingMessage
    timer: asyncio.TimerHandle


class RabbitQueue:
    """Messages are fetched when they are asked for, never ahead: what waits is there for whoever is free.

    The death of a holder's process ends its leases at once. `depth` leaves out what other processes hold: only
    RabbitMQ's own tools count that.
    """

    def __init__(self, url: str, now_ns: Callable[[], int] = time.time_ns) -> None:
        self._now_ns = now_ns
        self._url, self._prefix = _address_and_prefix(url)
        self._connection: AbstractConnection | None = None
        self._channel: AbstractChannel | None = None
        self._bell: AbstractExchange | None = None
        self._events: dict[str, asyncio.Event] = {}
        self._declared: dict[str, AbstractQueue] = {}
        self._held: dict[str, _Held] = {}
        self._connecting = asyncio.Lock()
        self._returning: set[asyncio.Task[None]] = set()

    @classmethod
    async def open(cls, url: str) -> RabbitQueue:
        """Connects."""
        queue = cls(url)
        await queue._guarded(queue._connected)
        return queue

    async def publish(self, topic: Topic, bodies: Sequence[bytes], *, delay: timedelta = timedelta()) -> None:
        """See the port."""

        async def send() -> None:
            queue = await self._queue_after(topic, delay)
            await asyncio.gather(*(self._send(queue.name, body) for body in bodies))
            await self._ring(topic)

        await self._guarded(send)

    async def claim(self, topic: Topic, *, limit: int, lease: timedelta, wait: timedelta) -> list[Claim]:
        """See the port."""
        loop = asyncio.get_running_loop()
        give_up = loop.time() + wait.total_seconds()
        rung = self._events.setdefault(topic.name, asyncio.Event())
        while True:
            rung.clear()
            if claims := await self._guarded(lambda: self._take(topic, limit, lease)):
                return claims
            left = give_up - loop.time()
            if left <= 0:
                return []
            with suppress(TimeoutError):
                await asyncio.wait_for(rung.wait(), min(left, LOOK_AGAIN_SECONDS))

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
        if claim.attempt >= claim.topic.max_attempts:
            return await self.reject(claim, reason=reason)
        if self._live(claim) is None:
            return False

        async def send() -> bool:
            # Sent before the old one is let go of: a crash in between doubles the message and cannot lose it.
            queue = await self._queue_after(claim.topic, delay)
            await self._send(queue.name, claim.body, {ATTEMPTS: claim.attempt, REASON: reason})
            released = await self._end(claim)
            await self._ring(claim.topic)
            return released

        return await self._guarded(send)

    async def reject(self, claim: Claim, *, reason: str) -> bool:
        """See the port."""
        if self._live(claim) is None:
            return False

        async def send() -> bool:
            await self._bury(claim.topic, claim.body, reason, claim.attempt)
            return await self._end(claim)

        return await self._guarded(send)

    async def depth(self, topic: Topic) -> int:
        """See the port."""

        async def count() -> int:
            return await self._count(await self._queue(topic))

        mine = sum(1 for held in self._held.values() if held.message.routing_key == self._name(topic))
        return await self._guarded(count) + mine

    async def dead_letters(self, topic: Topic, *, limit: int = 100) -> list[DeadLetter]:
        """See the port."""

        async def look() -> list[DeadLetter]:
            queue = await self._dead_queue(topic)
            found = [message async for message in _fetched(queue, limit)]
            # A quorum queue gives out what was returned first, in the order of the returns.
            for message in found:
                await message.nack(requeue=True)
            return [_dead_letter(message) for message in found]

        return await self._guarded(look)

    async def dead_count(self, topic: Topic) -> int:
        """See the port."""

        async def count() -> int:
            return await self._count(await self._dead_queue(topic))

        return await self._guarded(count)

    async def revive(self, topic: Topic, *, ids: Collection[str] = (), limit: int = 100) -> int:
        """See the port."""

        async def publish(message: AbstractIncomingMessage) -> None:
            await self._send(self._name(topic), message.body)

        async def move() -> int:
            await self._queue(topic)
            revived = await self._dig_up(topic, ids, limit, publish)
            await self._ring(topic)
            return revived

        return await self._guarded(move)

    async def purge(self, topic: Topic, *, ids: Collection[str] = (), limit: int = 100) -> int:
        """See the port."""
        return await self._guarded(lambda: self._dig_up(topic, ids, limit))

    async def close(self) -> None:
        """See the port."""
        self._forget()
        if self._connection is not None:
            with suppress(*BROKEN):
                await self._connection.close()

    async def _take(self, topic: Topic, limit: int, lease: timedelta) -> list[Claim]:
        queue = await self._queue(topic)
        claims: list[Claim] = []
        async for message in _fetched(queue, limit):
            attempt = (
                int(str(message.headers.get(ATTEMPTS, 0))) + int(str(message.headers.get("x-delivery-count", 0))) + 1
            )
            if attempt > topic.max_attempts:
                await self._bury(topic, message.body, str(message.headers.get(REASON, LEASE_ENDED)), attempt - 1)
                await message.ack()
                continue
            token = secrets.token_hex(8)
            self._held[token] = _Held(message, self._timer(token, lease))
            claims.append(Claim(topic, message.body, attempt, token))
        return claims

    async def _bury(self, topic: Topic, body: bytes, reason: str, attempts: int) -> None:
        dead = await self._dead_queue(topic)
        await self._send(dead.name, body, {REASON: reason, ATTEMPTS: attempts, DEAD_SINCE: self._now_ns()})

    async def _dig_up(
        self,
        topic: Topic,
        ids: Collection[str],
        limit: int,
        before: Callable[[AbstractIncomingMessage], Awaitable[None]] | None = None,
    ) -> int:
        """Removes dead letters, each after what is to happen before; a crash in between leaves it where it was."""
        dead = await self._dead_queue(topic)
        others, removed = [], 0
        async for message in _fetched(dead, sys.maxsize if ids else limit):
            if ids and (message.message_id not in ids or removed == limit):
                others.append(message)
                continue
            if before is not None:
                await before(message)
            await message.ack()
            removed += 1
        for message in others:
            await message.nack(requeue=True)
        return removed

    async def _count(self, queue: AbstractQueue) -> int:
        channel = await self._connected()
        found = await channel.declare_queue(queue.name, passive=True)
        return found.declaration_result.message_count or 0

    def _live(self, claim: Claim) -> _Held | None:
        held = self._held.get(claim.token)
        return held if held is not None and not held.message.channel.is_closed else None

    async def _end(self, claim: Claim) -> bool:
        held = self._live(claim)
        if held is None:
            return False
        del self._held[claim.token]
        held.timer.cancel()
        try:
            await held.message.ack()
        except BROKEN:
            return False
        return True

    def _timer(self, token: str, lease: timedelta) -> asyncio.TimerHandle:
        return asyncio.get_running_loop().call_later(lease.total_seconds(), self._expire, token)

    def _expire(self, token: str) -> None:
        held = self._held.pop(token, None)
        if held is not None:
            task = asyncio.get_running_loop().create_task(self._give_back(held))
            self._returning.add(task)
            task.add_done_callback(self._returning.discard)

    async def _give_back(self, held: _Held) -> None:
        with suppress(*BROKEN):
            await held.message.nack(requeue=True)
            await self._ring_name(held.message.routing_key or "")

    async def _send(self, queue_name: str, body: bytes, headers: dict[str, str | int] | None = None) -> None:
        channel = await self._connected()
        message = aio_pika.Message(
            body,
            headers=dict(headers or {}),
            delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
            message_id=secrets.token_hex(8),
        )
        await channel.default_exchange.publish(message, routing_key=queue_name, mandatory=True, timeout=REPLY_SECONDS)

    async def _ring(self, topic: Topic) -> None:
        await self._ring_name(self._name(topic))

    async def _ring_name(self, name: str) -> None:
        topic_name = name.removeprefix(f"{self._prefix}.")
        if topic_name in self._events:
            self._events[topic_name].set()
        if self._bell is not None:
            await self._bell.publish(aio_pika.Message(topic_name.encode()), routing_key="", mandatory=False)

    def _name(self, topic: Topic) -> str:
        return f"{self._prefix}.{topic.name}"

    async def _queue(self, topic: Topic) -> AbstractQueue:
        return await self._declare(self._name(topic), QUORUM)

    async def _dead_queue(self, topic: Topic) -> AbstractQueue:
        return await self._declare(f"{self._name(topic)}.dead", QUORUM)

    async def _queue_after(self, topic: Topic, delay: timedelta) -> AbstractQueue:
        """The topic's queue, or one from which messages come to it after a delay."""
        target = await self._queue(topic)
        milliseconds = delay // timedelta(milliseconds=1)
        if milliseconds <= 0:
            return target
        arguments = {
            **QUORUM,
            "x-message-ttl": milliseconds,
            "x-dead-letter-exchange": "",
            "x-dead-letter-routing-key": target.name,
            "x-expires": milliseconds + DELAY_QUEUE_UNUSED // timedelta(milliseconds=1),
        }
        name = f"{target.name}.after.{milliseconds}"
        # It may have gone away since it was last used: declared anew each time.
        self._declared.pop(name, None)
        return await self._declare(name, arguments)

    async def _declare(self, name: str, arguments: dict[str, str | int]) -> AbstractQueue:
        if name not in self._declared:
            channel = await self._connected()
            self._declared[name] = await channel.declare_queue(name, durable=True, arguments=dict(arguments))
        return self._declared[name]

    async def _connected(self) -> AbstractChannel:
        async with self._connecting:
            if self._channel is None or self._channel.is_closed:
                self._forget()
                self._connection = await aio_pika.connect(self._url, timeout=REPLY_SECONDS)
                self._channel = await self._connection.channel(publisher_confirms=True)
                self._bell = await self._channel.declare_exchange(f"{self._prefix}.bell", aio_pika.ExchangeType.FANOUT)
                ear = await self._channel.declare_queue(exclusive=True, auto_delete=True)
                await ear.bind(self._bell)
                await ear.consume(self._hear, no_ack=True)
            return self._channel

    async def _hear(self, message: AbstractIncomingMessage) -> None:
        if (event := self._events.get(message.body.decode())) is not None:
            event.set()

    def _forget(self) -> None:
        """What was held over a connection that is gone is somebody else's by now."""
        for held in self._held.values():
            held.timer.cancel()
        self._held.clear()
        self._declared.clear()

    async def _guarded(self, action: Callable[[], Awaitable[Result]]) -> Result:
        try:
            return await asyncio.wait_for(action(), REPLY_SECONDS)
        except BROKEN as error:
            if self._connection is not None:
                connection, self._connection, self._channel = self._connection, None, None
                self._forget()
                with suppress(*BROKEN):
                    await asyncio.wait_for(connection.close(), 1.0)
            raise StoreUnavailable(STORE, f"{type(error).__name__}: {error}") from error


def _dead_letter(message: AbstractIncomingMessage) -> DeadLetter:
    reason, attempts, since_ns = (message.headers.get(name) for name in (REASON, ATTEMPTS, DEAD_SINCE))
    return DeadLetter(
        message.message_id or "", message.body, str(reason or ""), int(str(attempts or 0)), int(str(since_ns or 0))
    )


async def _fetched(queue: AbstractQueue, limit: int) -> AsyncIterator[AbstractIncomingMessage]:
    """Messages that are there now, one after the other, up to a limit."""
    for _ in range(limit):
        message = await queue.get(no_ack=False, fail=False, timeout=REPLY_SECONDS)
        if message is None:
            return
        yield message


def _address_and_prefix(url: str) -> tuple[str, str]:
    """The address without `prefix=…` in its query, and what the names begin with, in which two meshes differ."""
    parts = urlsplit(url)
    options = dict(parse_qsl(parts.query))
    prefix = options.pop("prefix", PREFIX)
    return urlunsplit(parts._replace(query=urlencode(options))), prefix
