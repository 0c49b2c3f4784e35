from __future__ import annotations

import asyncio
import sys

import pytest
from dropmesh.v1 import ingest_service_pb2

from services.common.base.errors import ResourceExhausted, TooSlow
from services.common.rpc.call import Call
from services.common.rpc.http1.receiving import Receiving
from services.ingest.http.arriving import ArrivingRequest
from services.ingest.http.connection import LEAST_BYTES, RATE_WINDOW


def arriving(receiving: Receiving, holder: str, paused: list[bool]) -> ArrivingRequest:
    call = Call((), lambda: False, holder=holder)
    return ArrivingRequest(ingest_service_pb2.DropMeasurementsRequest(), "body", call, receiving, paused.append)


async def test_the_rest_of_a_body_is_read_once_the_request_is_awaited() -> None:
    paused: list[bool] = []
    request = arriving(Receiving(100), "ann", paused)
    request.feed((b"abc",))
    assert paused == [True]
    whole = asyncio.ensure_future(_awaited(request))
    await asyncio.sleep(0)
    assert paused == [True, False]
    request.feed((b"def",))
    request.end()
    assert (await whole).body.data == b"abcdef"


async def test_one_caller_has_half_of_the_unfinished_bytes_and_gives_them_back() -> None:
    receiving = Receiving(100)
    first, second, other = (arriving(receiving, holder, []) for holder in ("ann", "ann", "bob"))
    waiting = [asyncio.ensure_future(_awaited(request)) for request in (first, second, other)]
    await asyncio.sleep(0)
    first.feed((b"x" * 50,))
    other.feed((b"x" * 50,))
    second.feed((b"x",))
    with pytest.raises(ResourceExhausted, match="limit 100"):
        await waiting[1]
    for request in (first, second, other):
        request.discard()
    receiving.take("ann", 50)
    receiving.take("bob", 50)


async def test_a_body_that_is_refused_is_not_kept() -> None:
    request = arriving(Receiving(100), "ann", [])
    piece = bytes(60)

    async def receive(piece: bytes) -> None:
        # Like a connection, whose frames hold what it has read.
        request.feed((piece,))

    waiting = asyncio.ensure_future(_awaited(request))
    await asyncio.sleep(0)
    held = sys.getrefcount(piece)
    await receive(piece)
    with pytest.raises(ResourceExhausted):
        await waiting
    assert sys.getrefcount(piece) == held


async def test_a_body_that_is_too_slow_ends_the_wait() -> None:
    request = arriving(Receiving(100), "ann", [])
    request.fail(TooSlow(LEAST_BYTES, RATE_WINDOW))
    with pytest.raises(TooSlow, match="fewer than 4096 bytes in 20 s"):
        await request


async def _awaited(request: ArrivingRequest) -> ingest_service_pb2.DropMeasurementsRequest:
    whole: ingest_service_pb2.DropMeasurementsRequest = await request
    return whole
