"""A RabbitMQ that takes connections and closes them, as a proxy does whose broker is gone."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest
import uvloop

from services.common.base.errors import StoreUnavailable
from services.common.queue.rabbitmq.queue import RabbitQueue


@pytest.fixture
def port() -> Iterator[int]:
    """A port that hangs up before its caller can speak."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def hang_up() -> None:
            # Until the server is shut down.
            with suppress(OSError):
                while True:
                    server.accept()[0].close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


def test_a_connection_that_is_closed_before_the_broker_answers_is_an_unavailable_store(port: int) -> None:
    async def open_often() -> None:
        # Where the client meets the end depends on the moment.
        for _ in range(50):
            with pytest.raises(StoreUnavailable):
                await RabbitQueue.open(f"amqp://guest:guest@127.0.0.1:{port}/")

    # The services' loop, which sees the end sooner.
    uvloop.run(open_often())
