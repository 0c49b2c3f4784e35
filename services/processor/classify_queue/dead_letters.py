"""The dead letters of a profile: requests for labels that can never be answered."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Collection
from dataclasses import replace
from typing import Any, TypeVar

import aio_pika
from aio_pika.abc import AbstractIncomingMessage, AbstractQueue
from dropmesh.v1 import error_reason_pb2 as reasons
from dropmesh.v1.classification_pb2 import ClassificationProfile as Profile

from services.common.base.errors import FailedPrecondition, Unavailable
from services.common.queue import DeadLetter, Topic
from services.common.queue.rabbitmq.connection import BROKEN, REPLY_SECONDS, RabbitConnection
from services.common.queue.rabbitmq.dead_letters import oldest, remove
from services.processor.classify_queue.queues import declare

CLASSIFICATIONS = Topic("classify")
"""How these requests are named in metrics and by scripts/queue."""

Result = TypeVar("Result")
# Longer text in a request is its image.
_LONGEST_TEXT = 200


class ClassificationDeadLetters:
    """Reads and changes them, by the methods that the queue's port has for dead letters."""

    def __init__(self, url: str, profile: Profile) -> None:
        self._connection = RabbitConnection(url)
        self._profile = profile

    async def dead_letters(self, _topic: Topic, *, limit: int = 100) -> list[DeadLetter]:
        """Returns the oldest and leaves them where they are. Their bodies are shortened: an image has megabytes."""
        return await _answered(self._oldest(limit))

    async def revive(self, _topic: Topic, *, ids: Collection[str] = (), limit: int = 100) -> int:
        """Publishes them again as new requests, those named or the oldest; returns how many."""
        return await _answered(self._revive(ids, limit))

    async def purge(self, _topic: Topic, *, ids: Collection[str] = (), limit: int = 100) -> int:
        """Deletes them for good, those named or the oldest; returns how many."""
        return await _answered(self._purge(ids, limit))

    async def close(self) -> None:
        """Closes the connection."""
        await self._connection.close()

    async def _oldest(self, limit: int) -> list[DeadLetter]:
        return await oldest(await self._queue(), limit, _shortened)

    async def _purge(self, ids: Collection[str], limit: int) -> int:
        return await remove(await self._queue(), ids, limit)

    async def _revive(self, ids: Collection[str], limit: int) -> int:
        channel = await self._connection.channel()
        requests = await declare(channel, self._profile.requests.queue)

        async def publish(message: AbstractIncomingMessage) -> None:
            again = aio_pika.Message(
                message.body,
                content_type=message.content_type,
                correlation_id=message.correlation_id,
                message_id=message.message_id,
                reply_to=message.reply_to,
                delivery_mode=2,
            )
            await channel.default_exchange.publish(again, requests.name, timeout=REPLY_SECONDS)

        return await remove(await self._queue(), ids, limit, publish)

    async def _queue(self) -> AbstractQueue:
        if not self._profile.dead.name:
            raise FailedPrecondition(reasons.INVALID_FIELD, "the profile names no queue for dead letters")
        return await declare(await self._connection.channel(), self._profile.dead)


async def _answered(action: Awaitable[Result]) -> Result:
    try:
        return await action
    except BROKEN as error:
        cause = f"{type(error).__name__}: {error}"
        raise Unavailable(reasons.STORE_UNAVAILABLE, f"the RabbitMQ of the classifier fails: {cause}") from error


def _shortened(letter: DeadLetter) -> DeadLetter:
    try:
        content = json.loads(letter.body)
    except (ValueError, RecursionError):
        content = letter.body.decode(errors="replace")
    return replace(letter, body=json.dumps(_short(content), ensure_ascii=False).encode(errors="replace"))


def _short(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _short(inner) for key, inner in value.items()}
    if isinstance(value, str) and len(value) > _LONGEST_TEXT:
        return f"{value[:20]}… ({len(value)} characters)"
    return value
