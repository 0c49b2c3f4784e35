"""The door for plain drops, over a real socket, before a method that says what it got."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from dropmesh.v1 import ingest_service_pb2

from services.common.auth import Authenticator
from services.common.call import Call
from services.common.guard import Guard
from services.common.settings import Mode
from services.common.telemetry import Metrics
from services.ingest.plain_door import PlainDoor

SERVICE = ingest_service_pb2.DESCRIPTOR.services_by_name["IngestService"]
LIMIT = 100_000


class Echo:
    """Answers with the size of what came; `go_on` lets it answer."""

    def __init__(self) -> None:
        self.go_on = asyncio.Event()
        self.go_on.set()
        self.arrived = asyncio.Event()

    async def DropMeasurements(
        self, request: ingest_service_pb2.DropMeasurementsRequest, call: Call
    ) -> ingest_service_pb2.DropMeasurementsResponse:
        self.arrived.set()
        await self.go_on.wait()
        await call.answer_with(202)
        response = ingest_service_pb2.DropMeasurementsResponse()
        response.receipt.state = 1  # type: ignore[assignment]
        response.receipt.name = f"{len(request.body.data)} bytes for {call.request_id}"
        return response


class Door:
    def __init__(self, path: str, echo: Echo, stopping: asyncio.Event, running: asyncio.Task[None]) -> None:
        self.path, self.echo, self.stopping, self.running = path, echo, stopping, running

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        while not Path(self.path).exists():  # noqa: ASYNC110, ASYNC240
            await asyncio.sleep(0.01)
        return await asyncio.open_unix_connection(self.path)


@pytest.fixture
async def door() -> AsyncIterator[Door]:
    with tempfile.TemporaryDirectory(prefix="dropmesh-") as folder:
        echo, stopping = Echo(), asyncio.Event()
        guard = Guard(Authenticator(None, Mode.OPEN), Metrics(), max_in_flight=8)  # type: ignore[arg-type]
        plain = PlainDoor(guard.handler(SERVICE, echo), f"unix:{folder}/drops.sock", max_drop_bytes=LIMIT)
        running = asyncio.create_task(plain.run(stopping))
        yield Door(f"{folder}/drops.sock", echo, stopping, running)
        stopping.set()
        await running


def post(body: bytes) -> bytes:
    head = f"POST /v1/measurements HTTP/1.1\r\nhost: x\r\nX-Request-Id: r7\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body


async def answer(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    return head.partition(b"\r\n")[0], await reader.readexactly(length)


async def test_requests_follow_each_other_on_one_connection(door: Door) -> None:
    reader, writer = await door.connect()
    for size in (0, 1, 70_000, LIMIT):
        writer.write(post(b"x" * size))
        line, body = await answer(reader)
        assert line == b"HTTP/1.1 202 Accepted"
        assert f"{size} bytes for r7".encode() in body
    writer.close()


async def test_a_body_may_come_in_chunks(door: Door) -> None:
    reader, writer = await door.connect()
    writer.write(b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n")
    await asyncio.sleep(0.01)
    writer.write(b"4\r\ndefg\r\n0\r\n\r\n")
    assert b"7 bytes" in (await answer(reader))[1]
    writer.close()


async def test_what_is_too_large_reaches_the_method_as_one_byte_too_many(door: Door) -> None:
    reader, writer = await door.connect()
    writer.write(post(b"x" * (20 * LIMIT)))
    assert f"{LIMIT + 1} bytes".encode() in (await answer(reader))[1]
    writer.close()


async def test_what_is_no_http_ends_the_connection(door: Door) -> None:
    reader, writer = await door.connect()
    writer.write(b"\x00\x01\x02 nonsense\r\n\r\n")
    assert await reader.read() == b""
    writer.close()


async def test_a_door_that_closes_answers_what_is_under_way_and_ends_the_rest(door: Door) -> None:
    (idle, other), (busy, writer) = await door.connect(), await door.connect()
    door.echo.go_on.clear()
    writer.write(post(b"last"))
    await door.echo.arrived.wait()
    door.stopping.set()
    assert await idle.read() == b""
    door.echo.go_on.set()
    assert b"4 bytes" in (await answer(busy))[1]
    assert await busy.read() == b""
    other.close()
    writer.close()
