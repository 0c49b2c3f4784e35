"""The HTTP door, over a real socket, before methods that say what they got."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from dropmesh.v1 import ingest_service_pb2

from services.common.base.telemetry import Metrics
from services.common.media.refusals import EmptyMedia
from services.common.rpc.auth import Authenticator
from services.common.rpc.call import Call
from services.common.rpc.guard import Guard
from services.common.settings import Mode
from services.ingest.http.body import MOST_WAITING_BYTES, IncomingBody
from services.ingest.http.door import HttpDoor
from services.ingest.http.routes import http_routes

SERVICE = ingest_service_pb2.DESCRIPTOR.services_by_name["IngestService"]
LIMIT = 100_000


class Echo:
    """Answers with the size of what came; `go_on` lets it answer."""

    def __init__(self) -> None:
        self.go_on = asyncio.Event()
        self.go_on.set()
        self.arrived = asyncio.Event()
        self.cancelled = asyncio.Event()

    async def DropMeasurements(
        self, request: ingest_service_pb2.DropMeasurementsRequest, call: Call
    ) -> ingest_service_pb2.DropMeasurementsResponse:
        self.arrived.set()
        try:
            await self.go_on.wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        call.answer_with(202)
        response = ingest_service_pb2.DropMeasurementsResponse()
        response.receipt.state = 1  # type: ignore[assignment]
        response.receipt.name = f"{len(request.body.data)} bytes for {call.request_id}"
        return response

    async def UploadMedia(
        self, requests: AsyncIterator[ingest_service_pb2.UploadMediaRequest], call: Call
    ) -> ingest_service_pb2.UploadMediaResponse:
        messages = aiter(requests)
        first = await anext(messages)
        self.arrived.set()
        if first.filename == "refused":
            raise EmptyMedia
        try:
            size_bytes = sum([len(message.body.data) async for message in messages])
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        call.answer_with(201)
        told = f"{size_bytes} bytes of {first.body.content_type!r} as {first.filename!r}"
        return ingest_service_pb2.UploadMediaResponse(results=[ingest_service_pb2.UploadResult(filename=told)])


class Door:
    def __init__(self, path: str, echo: Echo, stopping: asyncio.Event, running: asyncio.Task[None]) -> None:
        self.path, self.echo, self.stopping, self.running = path, echo, stopping, running

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        while not Path(self.path).exists():  # noqa: ASYNC110, ASYNC240
            await asyncio.sleep(0.01)
        return await asyncio.open_unix_connection(self.path)


@pytest.fixture
def mode() -> Mode:
    return Mode.OPEN


@pytest.fixture
async def door(mode: Mode) -> AsyncIterator[Door]:
    with tempfile.TemporaryDirectory(prefix="dropmesh-") as folder:
        echo, stopping = Echo(), asyncio.Event()
        guard = Guard(Authenticator(None, mode), Metrics(), max_in_flight=8)  # type: ignore[arg-type]
        routes = http_routes(guard.methods(SERVICE, echo))
        drain = timedelta(seconds=0.2)
        http = HttpDoor(routes, f"unix:{folder}/http.sock", max_whole_bytes=LIMIT, drain=drain)
        running = asyncio.create_task(http.run(stopping))
        yield Door(f"{folder}/http.sock", echo, stopping, running)
        stopping.set()
        await running


def post(body: bytes, path: str = "/v1/measurements") -> bytes:
    head = f"POST {path} HTTP/1.1\r\nhost: x\r\nX-Request-Id: r7\r\ncontent-length: {len(body)}\r\n\r\n"
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
    writer.write(b"POST /v1/measurements HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n")
    await asyncio.sleep(0.01)
    writer.write(b"4\r\ndefg\r\n0\r\n\r\n")
    assert b"7 bytes" in (await answer(reader))[1]
    writer.close()


async def test_what_is_too_large_reaches_the_method_as_one_byte_too_many(door: Door) -> None:
    reader, writer = await door.connect()
    writer.write(post(b"x" * (20 * LIMIT)))
    assert f"{LIMIT + 1} bytes".encode() in (await answer(reader))[1]
    writer.close()


@pytest.mark.parametrize("mode", [Mode.TOKENS])
@pytest.mark.parametrize("path", ["/v1/measurements", "/v1/media"])
async def test_a_caller_without_a_token_is_refused_before_its_body_is_read(door: Door, path: str) -> None:
    reader, writer = await door.connect()
    writer.write(post(b"x" * LIMIT, path)[:-1])
    line, told = await answer(reader)
    assert (line, b"TOKEN_MISSING" in told) == (b"HTTP/1.1 401 Unauthorized", True)
    assert not door.echo.arrived.is_set()
    writer.close()


async def test_unfinished_bodies_take_places(door: Door) -> None:
    unfinished = [await door.connect() for _ in range(8)]
    for _, writer in unfinished:
        writer.write(post(b"abc")[:-1])
    await asyncio.sleep(0.05)
    reader, writer = await door.connect()
    writer.write(post(b"abc"))
    assert (await answer(reader))[0] == b"HTTP/1.1 429 Too Many Requests"
    unfinished[0][1].write(b"c")
    assert b"3 bytes" in (await answer(unfinished[0][0]))[1]
    writer.write(post(b"abc"))
    assert b"3 bytes" in (await answer(reader))[1]
    for _, other in (*unfinished, (reader, writer)):
        other.close()


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


@pytest.mark.parametrize("size_bytes", [0, 1, 5_000_000])
async def test_a_stream_goes_to_its_method_with_what_the_query_says(door: Door, size_bytes: int) -> None:
    reader, writer = await door.connect()
    for _ in range(2):
        writer.write(post(b"x" * size_bytes, "/v1/media?filename=a%20b.jpg&mode=blur"))
        line, body = await answer(reader)
        assert line == b"HTTP/1.1 201 Created"
        assert f"{size_bytes} bytes of '' as 'a b.jpg'".encode() in body
    writer.close()


async def test_a_stream_may_come_in_chunks_and_tells_its_content_type(door: Door) -> None:
    reader, writer = await door.connect()
    head = b"POST /v1/media HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\nContent-Type: image/png\r\n\r\n"
    writer.write(head + b"3\r\nabc\r\n")
    await door.echo.arrived.wait()
    writer.write(b"4\r\ndefg\r\n0\r\n\r\n")
    assert b"7 bytes of 'image/png'" in (await answer(reader))[1]
    writer.close()


@pytest.mark.parametrize(
    "begun",
    [
        b"content-length: 5\r\n\r\nabcd",
        b"transfer-encoding: chunked\r\n\r\n4\r\nabcd\r\n",
        b"transfer-encoding: chunked\r\n\r\n4\r\nabcd\r\n0\r\n",
        b"content-length: 5\r\n\r\n",
    ],
)
async def test_who_hangs_up_before_the_end_is_seen_as_gone(door: Door, begun: bytes) -> None:
    _, writer = await door.connect()
    writer.write(b"POST /v1/media HTTP/1.1\r\nhost: x\r\n" + begun)
    await door.echo.arrived.wait()
    writer.close()
    await door.echo.cancelled.wait()


async def test_a_drop_that_waits_is_given_up_when_its_sender_hangs_up(door: Door) -> None:
    _, writer = await door.connect()
    door.echo.go_on.clear()
    writer.write(post(b"abc"))
    await door.echo.arrived.wait()
    writer.close()
    await door.echo.cancelled.wait()


async def test_one_that_is_refused_early_is_told_so_and_the_next_is_taken(door: Door) -> None:
    reader, writer = await door.connect()
    body = b"x" * 5_000_000
    writer.write(post(body, "/v1/media?filename=refused")[:-1])
    line, told = await answer(reader)
    assert (line, b"MEDIA_EMPTY" in told) == (b"HTTP/1.1 400 Bad Request", True)
    writer.write(b"x" + post(body, "/v1/media"))
    assert b"5000000 bytes" in (await answer(reader))[1]
    writer.close()


@pytest.mark.parametrize(
    ("path", "status", "reason"),
    [
        ("/v1/media?colour=red", b"400", b"REQUEST_MALFORMED"),
        ("/v1/media?filename=" + "x" * 256, b"400", b"INVALID_FIELD"),
        ("/v1/nothing", b"404", b"ROUTE_NOT_FOUND"),
        ("/v1/invites/a.b/media", b"501", b"NOT_IMPLEMENTED"),
    ],
)
async def test_what_no_method_takes_is_refused(door: Door, path: str, status: bytes, reason: bytes) -> None:
    reader, writer = await door.connect()
    writer.write(post(b"some bytes", path))
    line, told = await answer(reader)
    assert (line.split()[1], reason in told) == (status, True)
    writer.write(post(b"abc"))
    assert b"3 bytes" in (await answer(reader))[1]
    writer.close()


async def test_a_door_that_closes_gives_up_on_a_stream_that_does_not_end(door: Door) -> None:
    _, writer = await door.connect()
    writer.write(post(b"abcd", "/v1/media")[:-1])
    await door.echo.arrived.wait()
    door.stopping.set()
    await door.echo.cancelled.wait()
    await door.running
    writer.close()


async def test_a_body_that_nobody_reads_is_held_up_and_no_longer() -> None:
    told: list[bool] = []
    body = IncomingBody(told.append)
    for _ in range(5):
        body.feed(b"x" * (MOST_WAITING_BYTES // 4))
    assert told == [True]
    body.end()
    read = [message async for message in body.messages("first")]
    assert (len(read), told) == (6, [True, False])


async def test_a_body_that_nobody_wants_passes_by() -> None:
    told: list[bool] = []
    body = IncomingBody(told.append)
    body.feed(b"x" * MOST_WAITING_BYTES)
    body.discard()
    body.feed(b"x" * MOST_WAITING_BYTES)
    assert told == [True, False]
