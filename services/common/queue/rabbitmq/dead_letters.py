"""The dead letters of RabbitMQ: a queue beside each topic's own."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Collection

from aio_pika.abc import AbstractIncomingMessage, AbstractQueue

from services.common.queue import DeadLetter, Topic
from services.common.queue.rabbitmq.connection import REPLY_SECONDS, Arguments, RabbitConnection
from services.common.queue.rabbitmq.names import ATTEMPTS, DEAD_SINCE, QUORUM, REASON, Names


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
        found = [message async for message in _fetched(await self._queue(topic), limit)]
        # A quorum queue gives out what was returned first, in the order of the returns.
        for message in found:
            await message.nack(requeue=True)
        return [_dead_letter(message) for message in found]

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
        others, removed = [], 0
        async for message in _fetched(await self._queue(topic), sys.maxsize if ids else limit):
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

    async def _queue(self, topic: Topic) -> AbstractQueue:
        return await self._connection.declare(self._names.dead(topic), QUORUM)


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
