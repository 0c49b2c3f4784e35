"""The HTTP door, over a real socket, before methods that say what they got."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from dropmesh.v1 import ingest_service_pb2

from services.common.base.errors import InvalidArgument
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

    async def StreamDrops(
        self, requests: AsyncIterator[ingest_service_pb2.StreamDropsRequest | InvalidArgument], call: Call
    ) -> AsyncIterator[ingest_service_pb2.StreamDropsResponse]:
        self.arrived.set()
        number = 0
        try:
            async for request in requests:
                await self.go_on.wait()
                number += 1
                answer = ingest_service_pb2.StreamDropsResponse(number=number)
                if isinstance(request, InvalidArgument) or request.drop == b"refused":
                    answer.error.message = "refused"
                elif request.drop == b"broken":
                    raise EmptyMedia
                else:
                    answer.receipt.name = f"{len(request.drop)} bytes from {request.source!r} for {call.request_id}"
                yield answer
        except asyncio.CancelledError:
            self.cancelled.set()
            raise


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


LINES = b"host: x\r\nX-Request-Id: r7\r\ncontent-type: application/x-ndjson\r\ntransfer-encoding: chunked\r\n\r\n"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


async def chunk_of(reader: asyncio.StreamReader) -> list[dict[str, Any]]:
    size = int(await reader.readline(), 16)
    data = await reader.readexactly(size + 2)
    return [json.loads(line) for line in data.splitlines() if line]


async def test_each_line_is_answered_before_the_body_ends(door: Door) -> None:
    reader, writer = await door.connect()
    writer.write(b"POST /v1/sources/pump-3/measurements HTTP/1.1\r\n" + LINES)
    for number, drop in enumerate((b"one", b"three", b"refused", b"x" * 70_000), 1):
        writer.write(chunk(drop[:2]) + chunk(drop[2:] + b"\n"))
        if number == 1:
            assert b" 200 OK\r\n" in await reader.readuntil(b"\r\n\r\n")
        (answered,) = await chunk_of(reader)
        assert answered["number"] == str(number)
        if drop == b"refused":
            assert answered["error"]["message"] == "refused"
        else:
            assert answered["receipt"]["name"] == f"{len(drop)} bytes from 'pump-3' for r7"
    writer.write(chunk(b"last") + b"0\r\n\r\n")
    (answered,) = await chunk_of(reader)
    assert answered["number"] == "5"
    assert await chunk_of(reader) == []
    writer.write(post(b"next"))
    assert b"4 bytes for r7" in (await answer(reader))[1]
    writer.close()


async def test_a_body_without_a_line_has_an_answer_without_a_line(door: Door) -> None:
    reader, writer = await door.connect()
    writer.write(b"POST /v1/measurements HTTP/1.1\r\n" + LINES + b"0\r\n\r\n")
    assert b" 200 OK\r\n" in await reader.readuntil(b"\r\n\r\n")
    assert await chunk_of(reader) == []
    writer.close()


@pytest.mark.parametrize("query", ["?source=a%2Fb", "?request_id=1", "?wait=1s", "?drop=eA", "?sauce=x"])
async def test_a_wrong_parameter_of_a_stream_is_refused_once_and_for_all(door: Door, query: str) -> None:
    reader, writer = await door.connect()
    writer.write(f"POST /v1/measurements{query} HTTP/1.1\r\n".encode() + LINES + chunk(b"1\n2\n") + b"0\r\n\r\n")
    line, body = await answer(reader)
    assert line == b"HTTP/1.1 400 Bad Request"
    assert json.loads(body)["code"] == 3
    writer.close()


async def test_an_answer_that_cannot_go_on_breaks_off(door: Door) -> None:
    reader, writer = await door.connect()
    writer.write(b"POST /v1/measurements HTTP/1.1\r\n" + LINES + chunk(b"one\nbroken\n"))
    await reader.readuntil(b"\r\n\r\n")
    assert len(await chunk_of(reader)) == 1
    assert await reader.read() == b""
    writer.close()


async def test_what_the_stream_is_refused_with_before_its_first_line_is_the_answer(door: Door) -> None:
    reader, writer = await door.connect()
    writer.write(b"POST /v1/measurements HTTP/1.1\r\n" + LINES + chunk(b"broken\n") + b"0\r\n\r\n")
    line, _ = await answer(reader)
    assert line == b"HTTP/1.1 400 Bad Request"
    writer.close()


async def test_a_sender_of_lines_that_hangs_up_cancels_the_method(door: Door) -> None:
    _, writer = await door.connect()
    writer.write(b"POST /v1/measurements HTTP/1.1\r\n" + LINES + chunk(b"1\n2"))
    await door.echo.arrived.wait()
    writer.close()
    await asyncio.wait_for(door.echo.cancelled.wait(), 5)


async def test_a_sender_that_does_not_read_its_answers_is_not_read_either(door: Door) -> None:
    _, writer = await door.connect()
    writer.write(b"POST /v1/measurements HTTP/1.1\r\n" + LINES)
    sent = 0
    while sent < 50_000_000:
        writer.write(chunk(b"x\n" * 10_000))
        try:
            await asyncio.wait_for(writer.drain(), 1)
        except TimeoutError:
            break
        sent += 20_000
    assert sent < 50_000_000
    writer.transport.abort()


@pytest.fixture
def often_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    """The door looks often whether bodies come fast enough."""
    monkeypatch.setattr("services.ingest.http.door.RATE_WINDOW", timedelta(seconds=0.02))


@pytest.mark.usefixtures("often_checked")
async def test_a_stream_of_lines_may_be_slow(door: Door) -> None:
    reader, writer = await door.connect()
    writer.write(b"POST /v1/measurements HTTP/1.1\r\n" + LINES + chunk(b"one\n"))
    await reader.readuntil(b"\r\n\r\n")
    assert len(await chunk_of(reader)) == 1
    await asyncio.sleep(0.2)
    writer.write(chunk(b"two\n") + b"0\r\n\r\n")
    assert (await chunk_of(reader))[0]["receipt"]["name"] == "3 bytes from '' for r7"
    writer.close()
