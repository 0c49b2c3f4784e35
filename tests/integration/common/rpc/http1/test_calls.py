"""gRPC over HTTP/1.1 on a real socket: each kind of call, its errors, and clients that hang up."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import cast
from urllib.parse import unquote

import pytest
from dropmesh.v1 import error_reason_pb2 as reasons
from dropmesh.v1 import ingest_service_pb2, media_pb2, query_service_pb2
from dropmesh.v1.ingest_service_pb2 import StreamDropsRequest, StreamDropsResponse
from google.api.httpbody_pb2 import HttpBody
from google.protobuf.message import Message
from google.rpc import status_pb2

from services.common.base.errors import NotFound
from services.common.base.telemetry import Metrics
from services.common.rest.reads.door import ReadDoor
from services.common.rpc.auth import Authenticator
from services.common.rpc.call import Call
from services.common.rpc.guard import Guard
from services.common.rpc.tokens import Tokens
from services.common.settings import Mode
from tests.support.http_doors import Door, open_door

QUERY = query_service_pb2.DESCRIPTOR.services_by_name["QueryService"]
INGEST = ingest_service_pb2.DESCRIPTOR.services_by_name["IngestService"]
REST = "x-envoy-original-path: /v1/media/a/original\r\n"


@dataclass
class Echo:
    """Answers with what was asked for."""

    go_on: asyncio.Event = field(default_factory=asyncio.Event)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    cancelled: asyncio.Event = field(default_factory=asyncio.Event)
    sent_bytes: int = 0

    async def GetMedia(self, request: query_service_pb2.GetMediaRequest, call: Call) -> media_pb2.Media:
        self.arrived.set()
        if request.name == "media/none":
            raise NotFound(
                reasons.MEDIA_NOT_FOUND, "there is no media/none: 100 % \u00e4", headers={"retry-after": "7"}
            )
        try:
            if request.name == "media/late":
                await self.go_on.wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        call.answer_with(200, {"etag": '"7"'})
        return media_pb2.Media(name=request.name, filename=f"{call.request_id} {call.header('range')}")

    async def DownloadOriginal(
        self, request: query_service_pb2.DownloadOriginalRequest, call: Call
    ) -> AsyncIterator[HttpBody]:
        try:
            for number in range(1000):
                if number == 2 and request.name == "media/broken":
                    raise NotFound(reasons.MEDIA_NOT_FOUND, "gone")
                yield HttpBody(data=bytes([number % 256]) * 100_000)
                self.sent_bytes += 100_000
        except (asyncio.CancelledError, GeneratorExit):
            self.cancelled.set()
            raise

    async def StreamDrops(
        self, requests: AsyncIterator[StreamDropsRequest], call: Call
    ) -> AsyncIterator[StreamDropsResponse]:
        number = 0
        async for _ in requests:
            number += 1
            yield StreamDropsResponse(number=number)


@pytest.fixture
async def door() -> AsyncIterator[Door]:
    echo = Echo()
    guard = Guard(Authenticator(cast(Tokens, None), Mode.OPEN), Metrics(), max_in_flight=4)
    methods = (*guard.methods(QUERY, echo), *guard.methods(INGEST, echo))
    drain = timedelta(seconds=0.2)
    async with open_door(echo, lambda at: ReadDoor(methods, at, drain=drain)) as opened:
        yield opened


def frame(message: Message) -> bytes:
    data = message.SerializeToString()
    return b"\0" + len(data).to_bytes(4) + data


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def head(method: str, more: str = "", service: str = "QueryService") -> bytes:
    return (
        f"POST /dropmesh.v1.{service}/{method} HTTP/1.1\r\nhost: x\r\ncontent-type: application/grpc\r\n"
        f"te: trailers\r\nx-request-id: r7\r\n{more}transfer-encoding: chunked\r\n\r\n"
    ).encode()


def ask(method: str, message: Message, more: str = "") -> bytes:
    return head(method, more) + chunk(frame(message)) + b"0\r\n\r\n"


async def lines(reader: asyncio.StreamReader) -> dict[str, str]:
    found: dict[str, str] = {}
    while line := (await reader.readuntil(b"\r\n")).decode().strip():
        name, _, value = line.partition(": ")
        found[name] = value
    return found


async def answer(reader: asyncio.StreamReader) -> tuple[dict[str, str], list[bytes], dict[str, str]]:
    """The headers, the messages and the trailers; where the headers are all, they are the trailers too."""
    assert await reader.readuntil(b"\r\n") == b"HTTP/1.1 200 OK\r\n"
    headers = await lines(reader)
    assert headers["content-type"] == "application/grpc"
    if headers.get("content-length") == "0":
        return headers, [], headers
    body = b""
    while length := int(await reader.readuntil(b"\r\n"), 16):
        body += (await reader.readexactly(length + 2))[:-2]
    messages = []
    while body:
        end = 5 + int.from_bytes(body[1:5])
        messages.append(body[5:end])
        body = body[end:]
    return headers, messages, await lines(reader)


async def test_calls_follow_each_other_on_one_connection(door: Door) -> None:
    reader, writer = await door.connect()
    for name in ("media/a", "media/b"):
        writer.write(ask("GetMedia", query_service_pb2.GetMediaRequest(name=name), "range: bytes=1-2\r\n"))
        headers, (message,), trailers = await answer(reader)
        media = media_pb2.Media.FromString(message)
        assert (media.name, media.filename) == (name, "r7 bytes=1-2")
        assert (headers["x-http-code"], headers["etag"]) == ("200", '"7"')
        assert trailers == {"grpc-status": "0", "x-request-id": "r7"}
        writer.write(b"GET /v1/media/c HTTP/1.1\r\nhost: x\r\n\r\n")
        rest = (await reader.readuntil(b"\r\n\r\n")).partition(b"content-length: ")[2]
        assert b'"media/c"' in await reader.readexactly(int(rest.partition(b"\r\n")[0]))
    writer.close()


async def test_an_error_has_its_status_in_the_headers(door: Door) -> None:
    reader, writer = await door.connect()
    writer.write(ask("GetMedia", query_service_pb2.GetMediaRequest(name="media/none")))
    _, messages, told = await answer(reader)
    assert (messages, told["grpc-status"], told["retry-after"]) == ([], "5", "7")
    assert unquote(told["grpc-message"]) == "there is no media/none: 100 % \u00e4"
    details = told["grpc-status-details-bin"]
    status = status_pb2.Status.FromString(base64.b64decode(details + "=" * (-len(details) % 4)))
    assert (status.code, status.details[0].type_url) == (5, "type.googleapis.com/google.rpc.ErrorInfo")
    writer.close()


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"", "the request is not a message of this method"),
        (b"\0\0\0\0\2\x0a\5", "the request is not a message of this method"),
        (b"\0\0\0\0\3\x0a\1\xff", "name: is not UTF-8"),
        (b"\0\0\0\0\3\x0a\1", "the last message of the body is not complete"),
        (b"\0\xff\0\0\0", "a message is larger than the limit of 83886080 bytes"),
    ],
)
async def test_what_is_no_request_is_refused(door: Door, body: bytes, problem: str) -> None:
    reader, writer = await door.connect()
    writer.write(head("GetMedia") + (chunk(body) if body else b"") + b"0\r\n\r\n")
    assert unquote((await answer(reader))[2]["grpc-message"]) == problem
    writer.close()


async def test_each_message_of_a_stream_is_answered_before_the_next_is_sent(door: Door) -> None:
    reader, writer = await door.connect()
    writer.write(head("StreamDrops", service="IngestService"))
    for number in range(1, 4):
        writer.write(chunk(frame(StreamDropsRequest(drop=b"{}"))))
        await reader.readuntil(frame(StreamDropsResponse(number=number)) + b"\r\n")
    writer.write(b"0\r\n\r\n")
    assert await reader.readuntil(b"r7\r\n\r\n") == b"0\r\ngrpc-status: 0\r\nx-request-id: r7\r\n\r\n"
    writer.close()


async def test_a_stream_without_answers_has_headers_and_a_status(door: Door) -> None:
    reader, writer = await door.connect()
    writer.write(head("StreamDrops", service="IngestService") + b"0\r\n\r\n")
    assert (await answer(reader))[1:] == ([], {"grpc-status": "0", "x-request-id": "r7"})
    writer.close()


async def test_no_more_is_sent_than_the_reader_takes(door: Door) -> None:
    reader, writer = await door.connect()
    writer.write(ask("DownloadOriginal", query_service_pb2.DownloadOriginalRequest(name="media/a")))
    await reader.readuntil(b"\r\n\r\n")
    await asyncio.sleep(0.1)
    assert door.echo.sent_bytes < 20_000_000
    writer.close()
    await door.echo.cancelled.wait()


async def test_a_stream_that_fails_ends_with_the_status(door: Door) -> None:
    reader, writer = await door.connect()
    writer.write(ask("DownloadOriginal", query_service_pb2.DownloadOriginalRequest(name="media/broken")))
    _, messages, trailers = await answer(reader)
    assert (len(messages), trailers["grpc-status"], trailers["grpc-message"]) == (2, "5", "gone")
    writer.close()


async def test_bytes_that_fail_over_rest_break_the_connection_off(door: Door) -> None:
    reader, writer = await door.connect()
    writer.write(ask("DownloadOriginal", query_service_pb2.DownloadOriginalRequest(name="media/broken"), REST))
    with pytest.raises(asyncio.IncompleteReadError):
        await answer(reader)
    writer.close()


async def test_who_hangs_up_ends_the_call(door: Door) -> None:
    _, writer = await door.connect()
    writer.write(ask("GetMedia", query_service_pb2.GetMediaRequest(name="media/late")))
    await door.echo.arrived.wait()
    writer.close()
    await door.echo.cancelled.wait()


async def test_a_call_is_refused_before_its_request_is_read(door: Door) -> None:
    door.echo.go_on.clear()
    waiting = [await door.connect() for _ in range(4)]
    for _, writer in waiting:
        writer.write(ask("GetMedia", query_service_pb2.GetMediaRequest(name="media/late")))
        await asyncio.sleep(0.02)
    reader, writer = await door.connect()
    writer.write(head("GetMedia"))
    _, _, told = await answer(reader)
    assert (told["grpc-status"], told["retry-after"]) == ("8", "1")
    door.echo.go_on.set()
    for _, one in waiting:
        assert (await answer(_))[2]["grpc-status"] == "0"
        one.close()
    writer.close()


async def test_a_door_that_closes_answers_what_is_under_way(door: Door) -> None:
    reader, writer = await door.connect()
    writer.write(ask("GetMedia", query_service_pb2.GetMediaRequest(name="media/late")))
    await door.echo.arrived.wait()
    door.stopping.set()
    await asyncio.sleep(0.05)
    door.echo.go_on.set()
    assert (await answer(reader))[2]["grpc-status"] == "0"
    assert await reader.read() == b""
    writer.close()
