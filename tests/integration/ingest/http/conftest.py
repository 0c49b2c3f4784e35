"""The HTTP door on a real socket, before methods that say what they got."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from dropmesh.v1 import ingest_service_pb2

from services.common.base.errors import InvalidArgument
from services.common.base.telemetry import Metrics
from services.common.media.refusals import EmptyMedia
from services.common.rpc.auth import Authenticator
from services.common.rpc.call import Call
from services.common.rpc.guard import Guard
from services.common.settings import Mode
from services.ingest.http.door import HttpDoor
from tests.support.http_doors import Door, open_door

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


@pytest.fixture
def mode() -> Mode:
    return Mode.OPEN


@pytest.fixture
async def door(mode: Mode) -> AsyncIterator[Door]:
    echo = Echo()
    guard = Guard(Authenticator(None, mode), Metrics(), max_in_flight=8)  # type: ignore[arg-type]
    methods = guard.methods(SERVICE, echo)
    drain = timedelta(seconds=0.2)
    async with open_door(echo, lambda at: HttpDoor(methods, at, max_whole_bytes=LIMIT, drain=drain)) as opened:
        yield opened


def post(body: bytes, path: str = "/v1/measurements") -> bytes:
    head = f"POST {path} HTTP/1.1\r\nhost: x\r\nX-Request-Id: r7\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body


async def answer(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    return head.partition(b"\r\n")[0], await reader.readexactly(length)
