"""The door of reads on a real socket: framing, streams, tokens, and clients that hang up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from dropmesh.v1 import media_pb2, query_service_pb2
from google.api.httpbody_pb2 import HttpBody

from services.common.base.errors import StoreUnavailable
from services.common.base.telemetry import Metrics
from services.common.rest.reads.door import ReadDoor
from services.common.rest.reads.routes import Route
from services.common.rpc.auth import Authenticator
from services.common.rpc.call import Call
from services.common.rpc.guard import Guard
from services.common.settings import Mode, SettingsError
from tests.support.http_doors import Door, open_door

# The contract asks for so many at least.
MORE = 3
SERVICE = query_service_pb2.DESCRIPTOR.services_by_name["QueryService"]


@dataclass
class Echo:
    """Answers with what was asked for; `go_on` lets it answer."""

    go_on: asyncio.Event = field(default_factory=asyncio.Event)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    cancelled: asyncio.Event = field(default_factory=asyncio.Event)
    sent_bytes: int = 0

    async def GetMedia(self, request: query_service_pb2.GetMediaRequest, call: Call) -> media_pb2.Media:
        self.arrived.set()
        try:
            await self.go_on.wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        return media_pb2.Media(name=request.name, filename=f"{call.request_id} {call.header('accept')}")

    async def GetSeriesPoints(
        self, request: query_service_pb2.GetSeriesPointsRequest, call: Call
    ) -> AsyncIterator[HttpBody]:
        self.arrived.set()
        try:
            call.answer_with(200, {"vary": "accept"})
            for number in range(request.max_points - MORE):
                if request.window == "1s" and number == 1:
                    await self.go_on.wait()
                if request.window == "2s" and number == 2:
                    raise StoreUnavailable("objects", "gone")
                data = b"%d" % number if not request.start.seconds else bytes(request.start.seconds)
                yield HttpBody(content_type="text/csv" if number == 0 else "", data=data)
                self.sent_bytes += len(data)
        except (asyncio.CancelledError, GeneratorExit):
            self.cancelled.set()
            raise


@pytest.fixture
def mode() -> Mode:
    return Mode.OPEN


@pytest.fixture
async def door(mode: Mode) -> AsyncIterator[Door]:
    echo = Echo()
    echo.go_on.set()
    guard = Guard(Authenticator(None, mode), Metrics(), max_in_flight=2)  # type: ignore[arg-type]
    methods = guard.methods(SERVICE, echo)
    drain = timedelta(seconds=0.2)
    async with open_door(echo, lambda at: ReadDoor(methods, at, drain=drain)) as opened:
        yield opened


def get(path: str, headers: str = "") -> bytes:
    return f"GET {path} HTTP/1.1\r\nhost: x\r\nX-Request-Id: r7\r\naccept: */*\r\n{headers}\r\n".encode()


async def answer(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    head = await reader.readuntil(b"\r\n\r\n")
    if b"transfer-encoding: chunked" not in head:
        length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
        return head, await reader.readexactly(length)
    body = b""
    while length := int(await reader.readuntil(b"\r\n"), 16):
        body += (await reader.readexactly(length + 2))[:-2]
    assert await reader.readexactly(2) == b"\r\n"
    return head, body


async def test_reads_follow_each_other_on_one_connection(door: Door) -> None:
    reader, writer = await door.connect()
    for name in ("a", "b", "%7E"):
        writer.write(get(f"/v1/media/{name}"))
        head, body = await answer(reader)
        assert head.startswith(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n") is (name != "%7E")
        assert (b"INVALID_FIELD" if name == "%7E" else f'"media/{name}"'.encode()) in body
    assert b"r7" not in body
    writer.close()


async def test_a_fault_of_our_own_ends_the_connection_at_once(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Route, "message", lambda *_: 1 / 0)
    reader, writer = await door.connect()
    writer.write(get("/v1/media/a"))
    assert await asyncio.wait_for(reader.read(), 10) == b""
    writer.close()


async def test_a_call_gets_the_headers_that_it_needs(door: Door) -> None:
    reader, writer = await door.connect()
    writer.write(get("/v1/media/a", "content-length: 3\r\n") + b"abc")
    assert b'"filename":"r7 */*"' in (await answer(reader))[1]
    writer.close()


@pytest.mark.parametrize(("count", "chunked"), [(1, False), (2, True), (5, True)])
async def test_bytes_have_their_length_where_they_come_at_once(door: Door, count: int, chunked: bool) -> None:
    reader, writer = await door.connect()
    for _ in range(2):
        writer.write(get(f"/v1/series/a/points?max_points={count + MORE}"))
        head, body = await answer(reader)
        assert (b"chunked" in head, b"text/csv" in head, b"vary: accept" in head) == (chunked, True, True)
        assert body == b"".join(b"%d" % number for number in range(count))
    writer.close()


async def test_bytes_that_break_off_end_the_connection(door: Door) -> None:
    reader, writer = await door.connect()
    writer.write(get("/v1/series/a/points?max_points=8&window=2s"))
    with pytest.raises(asyncio.IncompleteReadError):
        await answer(reader)
    writer.close()


async def test_no_more_is_made_than_the_reader_takes(door: Door) -> None:
    reader, writer = await door.connect()
    writer.write(get("/v1/series/a/points?max_points=1000&start=1970-01-12T00:00:00Z"))
    await reader.readuntil(b"\r\n\r\n")
    await asyncio.sleep(0.1)
    assert door.echo.sent_bytes < 20_000_000
    writer.close()
    await door.echo.cancelled.wait()


@pytest.mark.parametrize("path", ["/v1/media/a", "/v1/series/a/points?max_points=8&window=1s"])
async def test_who_hangs_up_ends_the_call(door: Door, path: str) -> None:
    door.echo.go_on.clear()
    _, writer = await door.connect()
    writer.write(get(path))
    await door.echo.arrived.wait()
    writer.close()
    await door.echo.cancelled.wait()


@pytest.mark.parametrize("mode", [Mode.TOKENS])
async def test_a_caller_without_a_token_is_refused(door: Door) -> None:
    reader, writer = await door.connect()
    writer.write(get("/v1/media/a"))
    head, body = await answer(reader)
    assert (head.partition(b"\r\n")[0], b"TOKEN_MISSING" in body) == (b"HTTP/1.1 401 Unauthorized", True)
    writer.close()


async def test_too_many_at_once_are_refused_with_the_time_to_retry(door: Door) -> None:
    door.echo.go_on.clear()
    connections = [await door.connect() for _ in range(3)]
    for _, writer in connections:
        writer.write(get("/v1/media/a"))
        await asyncio.sleep(0.02)
    head, body = await answer(connections[2][0])
    assert (head.partition(b"\r\n")[0], b"retry-after: 1" in head) == (b"HTTP/1.1 429 Too Many Requests", True)
    assert b"TOO_BUSY" in body
    door.echo.go_on.set()
    for _, writer in connections:
        writer.close()


@pytest.mark.parametrize("sent", [b"\x00\x01 nonsense\r\n\r\n", get("/v1/media/a") * 2], ids=["no http", "two at once"])
async def test_what_the_edge_never_sends_ends_the_connection(door: Door, sent: bytes) -> None:
    reader, writer = await door.connect()
    writer.write(sent)
    await reader.read()
    assert reader.at_eof()
    writer.close()


async def test_a_door_that_closes_answers_what_is_under_way_and_ends_the_rest(door: Door) -> None:
    (idle, other), (busy, writer) = await door.connect(), await door.connect()
    door.echo.go_on.clear()
    writer.write(get("/v1/media/last"))
    await door.echo.arrived.wait()
    door.stopping.set()
    assert await idle.read() == b""
    door.echo.go_on.set()
    assert b"media/last" in (await answer(busy))[1]
    assert await busy.read() == b""
    await door.running
    for one in (other, writer):
        one.close()


async def test_a_door_that_cannot_listen_says_where(tmp_path):
    door = ReadDoor((), f"unix:{tmp_path}/{'long' * 40}", drain=timedelta(0))
    with pytest.raises(SettingsError, match=r"cannot listen at unix:.*DROPMESH_HTTP"):
        await door.open()
