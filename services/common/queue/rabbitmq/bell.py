"""The bell on RabbitMQ: a fanout exchange, and for each process that listens a queue that ends with its connection."""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from collections.abc import Mapping
from contextlib import suppress

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractExchange, AbstractIncomingMessage

from services.common.base.errors import StoreUnavailable
from services.common.base.loops import is_cancelled
from services.common.queue.bell import Heard
from services.common.queue.rabbitmq.connection import BROKEN, RabbitConnection

# More wait only while the broker does not answer, and old messages say nothing that a look would not.
WAITING_MOST = 1000
AGAIN_SECONDS = 0.5
QUEUE_ARGUMENTS: Mapping[str, str | int] = {"x-max-length": 10_000, "x-overflow": "drop-head"}


class RabbitBell:
    """Messages are neither stored nor confirmed. See `Bell`."""

    def __init__(self, connection: RabbitConnection, exchange: str) -> None:
        self._connection = connection
        self._exchange = exchange
        self._waiting: deque[str] = deque(maxlen=WAITING_MOST)
        self._heard: list[Heard] = []
        self._sending: asyncio.Task[None] | None = None
        self._listening: asyncio.Task[None] | None = None
        self._channel: AbstractChannel | None = None

    def ring(self, message: str) -> None:
        """See `Bell`."""
        self._waiting.append(message)
        if self._sending is None or self._sending.done():
            self._sending = asyncio.get_running_loop().create_task(self._send())

    def listen(self, heard: Heard) -> None:
        """See `Bell`."""
        self._heard.append(heard)
        if self._listening is None:
            self._listening = asyncio.get_running_loop().create_task(self._listen())

    async def close(self) -> None:
        """Sends and receives no more."""
        tasks = [task for task in (self._sending, self._listening) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _send(self) -> None:
        with suppress(*BROKEN, StoreUnavailable):
            if self._channel is None or self._channel.is_closed:
                self._channel = await self._connection.new_channel(1)
                await self._declare(self._channel)
            exchange = await self._channel.get_exchange(self._exchange, ensure=False)
            while self._waiting:
                message = aio_pika.Message(self._waiting.popleft().encode())
                await exchange.publish(message, routing_key="", mandatory=False)

    async def _listen(self) -> None:
        while True:
            try:
                await self._receive_until_closed()
            except asyncio.CancelledError:
                # A connection that closes cancels those who wait for its answers.
                if is_cancelled():
                    raise
            except (*BROKEN, StoreUnavailable):
                pass
            await asyncio.sleep(AGAIN_SECONDS)

    async def _receive_until_closed(self) -> None:
        channel = await self._connection.new_channel(1000)
        closed = asyncio.Event()
        channel.close_callbacks.add(lambda *_: closed.set())
        # A name of our own: a user of RabbitMQ may be limited to names that begin like ours.
        name = f"{self._exchange}.{secrets.token_hex(8)}"
        queue = await channel.declare_queue(name, exclusive=True, auto_delete=True, arguments=dict(QUEUE_ARGUMENTS))
        await queue.bind(await self._declare(channel))
        await queue.consume(self._receive, no_ack=True)
        await closed.wait()

    async def _declare(self, channel: AbstractChannel) -> AbstractExchange:
        return await channel.declare_exchange(self._exchange, aio_pika.ExchangeType.FANOUT, durable=True)

    async def _receive(self, message: AbstractIncomingMessage) -> None:
        text = message.body.decode()
        for heard in self._heard:
            heard(text)
