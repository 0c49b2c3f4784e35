from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable
from types import SimpleNamespace
from typing import Any

from dropmesh.v1.ingest_service_pb2 import DropMeasurementsRequest, DropMeasurementsResponse

from services.common.rpc.call import Call
from services.common.rpc.http1.receiving import Receiving
from services.common.rpc.methods import Kind
from services.ingest.http.connection import HttpConnection


class Transport(asyncio.Transport):
    def __init__(self) -> None:
        super().__init__()
        self.written = b""

    def write(self, data: Any) -> None:
        self.written += bytes(data)

    def is_closing(self) -> bool:
        return False

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


async def test_an_idle_connection_keeps_no_body() -> None:
    received: list[DropMeasurementsRequest] = []

    async def invoke(request: Any, _call: Call) -> DropMeasurementsResponse:
        received.append(await request if isinstance(request, Awaitable) else request)
        return DropMeasurementsResponse()

    route: Any = SimpleNamespace(
        kind=Kind.UNARY,
        body="body",
        method=SimpleNamespace(invoke=invoke),
        first_message=lambda *_: DropMeasurementsRequest(),
        check_encoding=lambda _: None,
    )
    tasks: set[asyncio.Task[None]] = set()
    transport = Transport()
    connection = HttpConnection(lambda *_: route, {}, Receiving(1000), 1000, set(), tasks)
    connection.connection_made(transport)
    for pieces in ((b"whole",), (b"ha", b"lf")):
        body = b"".join(pieces)
        head = b"POST /v1/measurements HTTP/1.1\r\ncontent-length: %d\r\n\r\n" % len(body)
        connection.data_received(head + pieces[0])
        for piece in pieces[1:]:
            connection.data_received(piece)
        await asyncio.gather(*tasks)
        message = received.pop()
        assert message.body.data == body
        # One reference is the name above, the other the argument.
        assert sys.getrefcount(message) == 2
    assert transport.written.count(b"HTTP/1.1 200") == 2
