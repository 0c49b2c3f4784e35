"""The dead letters of RabbitMQ: a queue beside each topic's own."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Collection

from aio_pika.abc import AbstractIncomingMessage, AbstractQueue

from services.common.queue import DeadLetter, Topic
from services.common.queue.rabbitmq.connection import REPLY_SECONDS, Arguments, RabbitConnection
from services.common.queue.rabbitmq.names import ATTEMPTS, DEAD_SINCE, QUORUM, REASON, REASON_OF_BROKER, Names

_ID_CHARACTERS = 16


class DeadLetters:
    """The dead letters of a topic."""

    def __init__(self, connection: RabbitConnection, names: Names, now_ns: Callable[[], int]) -> None:
        self._connection = connection
        self._names = names
        self._now_ns = now_ns

    async def bury(self, topic: Topic, body: bytes, reason: str, attempts: int) -> None:
        """Adds a message; durable when it returns."""
        dead = await self._queue(topic)
        headers: Arguments = {REASON: reason, ATTEMPTS: attempts, DEAD_SINCE: self._now_ns()}
        await self._connection.send(dead.name, body, headers)

    async def oldest(self, topic: Topic, limit: int) -> list[DeadLetter]:
        """Returns the oldest and leaves them where they are."""
        return await oldest(await self._queue(topic), limit)

    async def count(self, topic: Topic) -> int:
        """Returns how many there are."""
        return await self._connection.count((await self._queue(topic)).name)

    async def remove(
        self,
        topic: Topic,
        ids: Collection[str],
        limit: int,
        before: Callable[[AbstractIncomingMessage], Awaitable[None]] | None = None,
    ) -> int:
        """Removes those named, or the oldest, each after `before`; a crash in between leaves it where it was."""
        return await remove(await self._queue(topic), ids, limit, before)

    async def _queue(self, topic: Topic) -> AbstractQueue:
        return await self._connection.declare(self._names.dead(topic), QUORUM)


async def oldest(
    queue: AbstractQueue, limit: int, view: Callable[[DeadLetter], DeadLetter] = lambda letter: letter
) -> list[DeadLetter]:
    """Returns the oldest dead letters of a queue, each as `view` makes it, and leaves them where they are."""
    letters, handles = [], []
    async for message in _fetched(queue, limit):
        letters.append(view(_dead_letter(message)))
        handles.append((message.channel, message.delivery_tag))
    # A quorum queue gives out what was returned first, in the order of the returns.
    for channel, tag in handles:
        await channel.basic_nack(tag or 0, requeue=True)
    return letters


async def remove(
    queue: AbstractQueue,
    ids: Collection[str],
    limit: int,
    before: Callable[[AbstractIncomingMessage], Awaitable[None]] | None = None,
) -> int:
    """Removes those named, or the oldest, each after `before`; a crash in between leaves it where it was."""
    others, removed = [], 0
    async for message in _fetched(queue, sys.maxsize if ids else limit):
        if ids and (_id(message) not in ids or removed == limit):
            others.append((message.channel, message.delivery_tag))
            continue
        if before is not None:
            await before(message)
        await message.ack()
        removed += 1
    for channel, tag in others:
        await channel.basic_nack(tag or 0, requeue=True)
    return removed


def _dead_letter(message: AbstractIncomingMessage) -> DeadLetter:
    reason, attempts, since_ns = (message.headers.get(name) for name in (REASON, ATTEMPTS, DEAD_SINCE))
    # A message over the delivery limit of its queue was moved by RabbitMQ itself.
    reason = reason or message.headers.get(REASON_OF_BROKER)
    return DeadLetter(_id(message), message.body, str(reason or ""), int(str(attempts or 0)), int(str(since_ns or 0)))


def _id(message: AbstractIncomingMessage) -> str:
    """The sender's id, or one from the content where the sender gave none."""
    return message.message_id or hashlib.sha256(message.body).hexdigest()[:_ID_CHARACTERS]


async def _fetched(queue: AbstractQueue, limit: int) -> AsyncIterator[AbstractIncomingMessage]:
    """Messages that are there now, one after the other, up to a limit."""
    for _ in range(limit):
        message = await queue.get(no_ack=False, fail=False, timeout=REPLY_SECONDS)
        if message is None:
            return
        yield message
