"""Declares the queues of a profile."""

from __future__ import annotations

from typing import Any

from aio_pika.abc import AbstractChannel, AbstractQueue
from dropmesh.v1.classification_pb2 import ClassificationProfile as Profile
from google.protobuf import json_format

from services.common.queue.rabbitmq.connection import REPLY_SECONDS


async def declare(channel: AbstractChannel, queue: Profile.Queue) -> AbstractQueue:
    """Makes a queue where it is missing, or checks that it exists; RabbitMQ refuses one with other arguments."""
    # JSON has one kind of number, and RabbitMQ wants whole ones.
    arguments: dict[str, Any] = {
        name: int(value) if isinstance(value, float) and value.is_integer() else value
        for name, value in json_format.MessageToDict(queue.arguments).items()
    }
    try:
        return await channel.declare_queue(
            queue.name,
            durable=queue.durable,
            passive=queue.passive,
            arguments=arguments or None,
            timeout=REPLY_SECONDS,
        )
    except TimeoutError:
        raise TimeoutError(f"RabbitMQ does not answer for the queue {queue.name}") from None
