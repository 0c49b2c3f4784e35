"""A RabbitMQ that takes connections and closes them, as a proxy does whose broker is gone."""

from __future__ import annotations

import asyncio

import pytest

from services.common.base.errors import StoreUnavailable
from services.common.queue.rabbitmq.queue import RabbitQueue


@pytest.mark.parametrize("asked_bytes", [0, 8], ids=["at once", "after the greeting"])
async def test_a_connection_that_is_closed_before_the_broker_answers_is_an_unavailable_store(asked_bytes: int) -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(asked_bytes)
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        with pytest.raises(StoreUnavailable):
            await RabbitQueue.open(f"amqp://guest:guest@127.0.0.1:{port}/")
    finally:
        server.close()
        await server.wait_closed()
