"""The connection to RabbitMQ: made when it is needed and again when it is gone."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import TypeVar
from urllib.parse import unquote, urlsplit

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractQueue
from aio_pika.exceptions import AMQPError, ChannelInvalidStateError, DeliveryError
from aiormq.exceptions import InvalidFrameError

from services.common.base.errors import StoreUnavailable
from services.common.base.loops import is_cancelled

Result = TypeVar("Result")
Arguments = Mapping[str, str | int]

STORE = "queue"
REPLY_SECONDS = 10.0
BROKEN = (AMQPError, ChannelInvalidStateError, ConnectionError, TimeoutError, OSError, RuntimeError)


class RabbitConnection:
    """One connection, with a channel that declares and publishes; consumers have channels of their own.

    An operation that takes too long fails alone: it ends the connection, and with it every lease, only where nothing
    else was answered meanwhile.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: AbstractConnection | None = None
        self._channel: AbstractChannel | None = None
        self._declared: dict[str, AbstractQueue] = {}
        self._connecting = asyncio.Lock()
        self._answered_at = 0.0

    async def channel(self) -> AbstractChannel:
        """Returns the channel that declares and publishes."""
        async with self._connecting:
            if self._channel is None or self._channel.is_closed:
                self._declared.clear()
                connection = await self._open_connection()
                self._channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
            return self._channel

    async def new_channel(self, prefetch: int) -> AbstractChannel:
        """Opens a channel over which the broker sends this many messages before they are acknowledged."""
        async with self._connecting:
            channel = await (await self._open_connection()).channel(publisher_confirms=False)
        await channel.set_qos(prefetch_count=prefetch)
        return channel

    async def declare(self, name: str, arguments: Arguments, *, anew: bool = False) -> AbstractQueue:
        """Makes a queue when missing, and remembers that it is there unless it is to be declared `anew`."""
        channel = await self.channel()
        if anew or name not in self._declared:
            self._declared[name] = await channel.declare_queue(name, durable=True, arguments=dict(arguments))
        return self._declared[name]

    async def count(self, name: str) -> int:
        """Returns how many messages wait in a queue."""
        channel = await self.channel()
        found = await channel.declare_queue(name, passive=True)
        return found.declaration_result.message_count or 0

    async def send(self, queue_name: str, body: bytes, headers: Arguments | None = None) -> None:
        """Publishes a message, durable when it returns."""
        channel = await self.channel()
        message = aio_pika.Message(
            body,
            headers=dict(headers or {}),
            delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
            message_id=secrets.token_hex(8),
        )
        try:
            await channel.default_exchange.publish(message, routing_key=queue_name, timeout=REPLY_SECONDS)
        except DeliveryError:
            # The queue was deleted: the next call that needs it declares it again.
            self._declared.pop(queue_name, None)
            raise

    async def guarded(self, action: Callable[[], Awaitable[Result]]) -> Result:
        """Runs an operation; raises StoreUnavailable where the broker fails it or does not answer in time."""
        began = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(REPLY_SECONDS):
                result = await action()
        except asyncio.CancelledError as error:
            # A connection that closes cancels those who wait for its answers.
            if is_cancelled():
                raise
            raise StoreUnavailable(STORE, "the connection was closed") from error
        except BROKEN as error:
            if isinstance(error, TimeoutError) and self._answered_at < began:
                await self.close()
            raise StoreUnavailable(STORE, f"{type(error).__name__}: {error}") from error
        self._answered_at = asyncio.get_running_loop().time()
        return result

    async def close(self) -> None:
        """Closes the connection; what is not acknowledged is given out again."""
        connection, self._connection, self._channel = self._connection, None, None
        if connection is not None:
            with suppress(*BROKEN):
                async with asyncio.timeout(1.0):
                    await connection.close()

    async def _open_connection(self) -> AbstractConnection:
        if self._connection is None or not _is_open(self._connection):
            self._connection = await open_connection(self._url)
        return self._connection


async def open_connection(url: str) -> AbstractConnection:
    """Connects; raises one of `BROKEN` where that fails."""
    try:
        return await aio_pika.connect(url, timeout=REPLY_SECONDS)
    except InvalidFrameError as error:
        # RabbitMQ closes the connection instead of opening the virtual host.
        host = unquote(urlsplit(url).path[1:]) or "/"
        raise ConnectionError(f"no virtual host {host!r}, or the user may not use it") from error
    except StopAsyncIteration as error:
        # The client's answer to a broker, or a proxy before it, that hangs up before its first frame.
        raise ConnectionError("the connection was closed before the broker answered") from error


def _is_open(connection: AbstractConnection) -> bool:
    # The connection itself notices only its own closing, not that of what lies below.
    transport = connection.transport
    return not (connection.is_closed or transport is None or transport.connection.is_closed)
