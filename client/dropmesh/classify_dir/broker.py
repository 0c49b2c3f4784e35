"""The connection to RabbitMQ: queues as the profile says, confirmed publishing, replies; kept up through outages."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractIncomingMessage, AbstractQueue
from aio_pika.exceptions import (
    AMQPError,
    AuthenticationError,
    ChannelInvalidStateError,
    ChannelPreconditionFailed,
    DeliveryError,
    ProbableAuthenticationError,
)
from aiormq.exceptions import ChannelAccessRefused, ChannelLockedResource
from dropmesh.classify_dir.ending import answer_within
from dropmesh.v1.classification_pb2 import ClassificationProfile as Profile
from google.protobuf import json_format

# aio-pika raises StopAsyncIteration where a broker hangs up before its first frame.
BROKEN = (AMQPError, ChannelInvalidStateError, DeliveryError, OSError, RuntimeError, StopAsyncIteration)
REFUSALS = (ChannelPreconditionFailed, ChannelAccessRefused, ChannelLockedResource)
WRONG_USER = (AuthenticationError, ProbableAuthenticationError)
REPLY_SECONDS = 10.0
SET_UP_SECONDS = 30.0
CLOSE_SECONDS = 1.0
PAUSE_SECONDS = 0.5


class BrokerRefused(Exception):
    """RabbitMQ refuses the queues, the user or the password; a second try would not help."""


class BrokerGone(Exception):
    """RabbitMQ could not be reached for longer than `--connect-seconds`."""


class Broker:
    """Sends requests and hands on replies. `keep` must run; it connects, and again after each loss."""

    def __init__(
        self,
        url: str,
        profile: Profile,
        platform: str,
        *,
        prefetch: int,
        gone_after_seconds: float,
        note: Callable[[str, str], None],
    ) -> None:
        self._url = url
        self._profile = profile
        self._platform = platform
        self._prefetch = prefetch
        self._gone_after = gone_after_seconds
        self._note = note
        self._channel: AbstractChannel | None = None
        self._connected = asyncio.Event()
        self._lost = asyncio.Event()
        self.replies: asyncio.Queue[AbstractIncomingMessage] = asyncio.Queue()

    async def keep(self) -> None:
        """Stays connected until cancelled; raises BrokerRefused or BrokerGone."""
        loop = asyncio.get_running_loop()
        away_since, told = loop.time(), ""
        while True:
            try:
                await self._session()
                away_since, told = loop.time(), ""
                self._note("lost", "the connection to RabbitMQ")
            except REFUSALS as error:
                raise BrokerRefused(f"RabbitMQ refuses the queues of this profile: {error}") from None
            except WRONG_USER as error:
                raise BrokerRefused(f"RabbitMQ refuses the user or the password: {error}") from None
            except BROKEN as error:
                cause = f"{type(error).__name__}: {error}"
                if cause != told:
                    self._note("waits", f"for RabbitMQ: {cause}")
                    told = cause
                if loop.time() - away_since > self._gone_after:
                    raise BrokerGone(f"RabbitMQ could not be used for {self._gone_after:g} s ({cause})") from None
            await asyncio.sleep(PAUSE_SECONDS)

    async def send(self, image_id: str, body: bytes, content_type: str, expire_after_seconds: float) -> None:
        """Returns once RabbitMQ has confirmed the request; waits and sends again when the connection is lost."""
        requests, replies = self._profile.requests, self._profile.replies
        message = aio_pika.Message(
            body,
            content_type=content_type if requests.body == Profile.BINARY else "application/json",
            correlation_id=image_id,
            message_id=image_id,
            reply_to=self._name(replies.queue) if replies.reply_to else None,
            delivery_mode=2 if requests.persistent else 1,
            expiration=expire_after_seconds if requests.expire else None,
        )
        while True:
            await self._connected.wait()
            channel = self._channel
            if channel is None:
                continue
            try:
                await answer_within(
                    REPLY_SECONDS, channel.default_exchange.publish(message, self._name(requests.queue))
                )
            except BROKEN:
                # An unroutable request or a missing confirmation: the queues are declared again.
                self._lost.set()
                await asyncio.sleep(PAUSE_SECONDS)
            else:
                return

    async def has_classifier(self) -> bool:
        """Whether a classifier takes requests from the queue; True while that is not known."""
        channel = self._channel
        if channel is None:
            return True
        try:
            found = await answer_within(
                REPLY_SECONDS, channel.declare_queue(self._name(self._profile.requests.queue), passive=True)
            )
        except BROKEN:
            self._lost.set()
            return True
        return bool(found.declaration_result.consumer_count)

    async def _session(self) -> None:
        """Holds one connection until it is lost; raises the error if it cannot be made."""
        self._lost.clear()
        connection = await answer_within(REPLY_SECONDS, aio_pika.connect(self._url))
        try:
            connection.close_callbacks.add(self._on_close)
            self._channel = await answer_within(SET_UP_SECONDS, self._open_channel(connection))
            self._connected.set()
            self._note("connected", f"to RabbitMQ; sends to {self._name(self._profile.requests.queue)}")
            await self._lost.wait()
        finally:
            self._connected.clear()
            self._channel = None
            with suppress(*BROKEN):
                await answer_within(CLOSE_SECONDS, connection.close())

    async def _open_channel(self, connection: AbstractConnection) -> AbstractChannel:
        channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
        channel.close_callbacks.add(self._on_close)
        await channel.set_qos(prefetch_count=self._prefetch)
        await self._declare(channel, self._profile.requests.queue)
        replies = await self._declare(channel, self._profile.replies.queue)
        await replies.consume(self.replies.put)
        return channel

    async def _declare(self, channel: AbstractChannel, queue: Profile.Queue) -> AbstractQueue:
        name, arguments = self._name(queue), _arguments(queue) or None
        declared = channel.declare_queue(name, durable=queue.durable, passive=queue.passive, arguments=arguments)
        try:
            return await answer_within(REPLY_SECONDS, declared)
        except TimeoutError:
            raise TimeoutError(f"RabbitMQ does not answer for the queue {name}") from None

    def _name(self, queue: Profile.Queue) -> str:
        return queue.name.replace("{platform}", self._platform)

    def _on_close(self, *_: object) -> None:
        self._lost.set()


def _arguments(queue: Profile.Queue) -> dict[str, Any]:
    values: dict[str, Any] = json_format.MessageToDict(queue.arguments)
    # JSON has one kind of number, RabbitMQ wants whole ones.
    return {
        name: int(value) if isinstance(value, float) and value.is_integer() else value for name, value in values.items()
    }
