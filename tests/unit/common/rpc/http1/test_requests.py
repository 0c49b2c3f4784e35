from __future__ import annotations

import asyncio
import gzip
import zlib

import pytest
from dropmesh.v1 import error_reason_pb2 as reasons

from services.common.base.errors import DropmeshError
from services.common.rpc.call import Call
from services.common.rpc.http1.receiving import Receiving
from services.common.rpc.http1.requests import MOST_UNREAD_BYTES, IncomingRequests

LIMIT = 4 * 1024 * 1024


class Reading:
    """What a connection knows of one body: whether it reads on."""

    def __init__(
        self, encoding: str = "identity", most_bytes: int = LIMIT, receiving: Receiving | None = None, holder: str = ""
    ) -> None:
        self.is_paused = False
        call = Call((("grpc-encoding", encoding),), lambda: False, holder=holder)
        self.requests = IncomingRequests(
            bytes, call, receiving or Receiving(2 * LIMIT), self._set_paused, most_bytes=most_bytes
        )

    def _set_paused(self, paused: bool) -> None:
        self.is_paused = paused


def frame(message: bytes, *, compressed: bool = False) -> bytes:
    return bytes([compressed]) + len(message).to_bytes(4) + message


async def all_of(requests: IncomingRequests) -> list[bytes]:
    return [message async for message in requests]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
async def test_messages_are_cut_out_of_pieces_of_any_size(size):
    sent = [b"", b"a", b"b" * 20, b"", b"c" * 3]
    body = b"".join(map(frame, sent))
    reading = Reading()
    read = asyncio.create_task(all_of(reading.requests))
    for start in range(0, len(body), size):
        reading.requests.feed(body[start : start + size])
        await asyncio.sleep(0)
    reading.requests.end()
    assert await read == sent


@pytest.mark.parametrize("left_out", range(1, 8))
async def test_a_body_that_ends_within_a_message_is_refused(left_out):
    reading = Reading()
    reading.requests.feed((frame(b"whole") + frame(b"abc"))[:-left_out])
    reading.requests.end()
    assert await anext(reading.requests) == b"whole"
    with pytest.raises(DropmeshError, match="not complete"):
        await anext(reading.requests)


@pytest.mark.parametrize(("encoding", "pack"), [("gzip", gzip.compress), ("deflate", zlib.compress)])
async def test_compressed_messages_are_unpacked(encoding, pack):
    reading = Reading(encoding)
    reading.requests.feed(frame(pack(b"x" * 5000), compressed=True) + frame(b"plain"))
    reading.requests.end()
    assert await all_of(reading.requests) == [b"x" * 5000, b"plain"]


@pytest.mark.parametrize(
    ("encoding", "message", "problem"),
    [
        ("identity", b"abc", "grpc-encoding does not say how"),
        ("snappy", b"abc", "grpc-encoding does not say how"),
        ("gzip", b"abc", "is not gzip"),
        ("gzip", gzip.compress(b"abc" * 999, mtime=0)[:-12], "ends before its gzip does"),
    ],
)
async def test_what_cannot_be_unpacked_is_refused(encoding, message, problem):
    reading = Reading(encoding)
    reading.requests.feed(frame(message, compressed=True))
    with pytest.raises(DropmeshError, match=problem) as caught:
        await anext(reading.requests)
    assert caught.value.reason == reasons.REQUEST_MALFORMED


@pytest.mark.parametrize("compressed", [False, True])
async def test_a_message_over_the_limit_is_refused_by_its_size(compressed):
    reading = Reading("gzip", most_bytes=1000)
    message = gzip.compress(bytes(1001)) if compressed else bytes(1001)
    reading.requests.feed(frame(message, compressed=compressed)[: 5 + (len(message) if compressed else 0)])
    with pytest.raises(DropmeshError, match="limit of 1000 bytes") as caught:
        await anext(reading.requests)
    assert caught.value.reason == reasons.REQUEST_TOO_LARGE


async def test_no_more_is_read_than_is_wanted():
    reading = Reading()
    piece = frame(bytes(MOST_UNREAD_BYTES // 4 - 5))
    for _ in range(4):
        assert not reading.is_paused
        reading.requests.feed(piece)
    assert reading.is_paused
    for _ in range(3):
        await anext(reading.requests)
    assert not reading.is_paused


async def test_a_large_message_is_read_on_while_it_is_awaited():
    reading = Reading()
    message = bytes(3 * MOST_UNREAD_BYTES)
    body = frame(message)
    reading.requests.feed(body[: MOST_UNREAD_BYTES + 1])
    assert reading.is_paused
    read = asyncio.create_task(anext(reading.requests))  # type: ignore[arg-type]
    await asyncio.sleep(0)
    for start in range(MOST_UNREAD_BYTES + 1, len(body), 100_000):
        assert not reading.is_paused
        reading.requests.feed(body[start : start + 100_000])
        await asyncio.sleep(0)
    assert await read == message


async def test_what_no_one_wants_is_dropped():
    reading = Reading()
    reading.requests.feed(frame(bytes(2 * MOST_UNREAD_BYTES)))
    reading.requests.discard()
    assert not reading.is_paused
    reading.requests.feed(frame(bytes(2 * MOST_UNREAD_BYTES)))
    assert not reading.is_paused


async def test_one_caller_has_half_of_the_bytes_of_unfinished_messages_and_gives_them_back():
    receiving = Receiving(4 * MOST_UNREAD_BYTES)
    message = bytes(3 * MOST_UNREAD_BYTES - 10)
    first, second, other = (Reading(receiving=receiving, holder=holder) for holder in ("ann", "ann", "bob"))
    reads = [asyncio.ensure_future(anext(one.requests)) for one in (first, second, other)]
    await asyncio.sleep(0)
    for one in (first, second, other):
        one.requests.feed(frame(message)[:-1])
    with pytest.raises(DropmeshError, match="half of it for one caller") as caught:
        await reads[1]
    assert caught.value.reason == reasons.TOO_BUSY
    second.requests.discard()
    first.requests.feed(b"\0")
    assert await reads[0] == message
    third = Reading(receiving=receiving, holder="ann")
    read = asyncio.ensure_future(anext(third.requests))
    await asyncio.sleep(0)
    third.requests.feed(frame(message))
    assert await read == message
    other.requests.feed(b"\0")
    assert await reads[2] == message
