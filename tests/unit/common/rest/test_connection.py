from __future__ import annotations

import asyncio
import gc
import weakref
from typing import Any

from services.common.rest.connection import EdgeConnection


class Transport(asyncio.Transport):
    def is_closing(self) -> bool:
        return False


async def test_a_connection_that_was_lost_waits_for_no_collection() -> None:
    connections: set[Any] = set()
    connection = EdgeConnection({}, connections, set())
    connection.connection_made(Transport())
    connection.data_received(b"POST /v1/measurements HTTP/1.1\r\ncontent-length: 10\r\n\r\nhalf")
    connection.connection_lost(None)
    left = weakref.ref(connection)
    gc.disable()
    try:
        del connection
        assert left() is None
    finally:
        gc.enable()
    assert connections == set()
