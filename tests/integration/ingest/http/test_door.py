"""One request each: framing, limits, tokens, and clients that hang up."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from services.common.settings import Mode
from services.ingest.http.body import MOST_WAITING_BYTES, IncomingBody
from tests.integration.ingest.http.conftest import LIMIT, answer, post
from tests.support.http_doors import Door


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


REFUSED = pytest.mark.parametrize("path", ["/v1/media?filename=refused", "/v1/media?colour=red"])


@REFUSED
async def test_one_that_is_refused_early_is_told_so_at_its_end_and_the_next_is_taken(door: Door, path: str) -> None:
    reader, writer = await door.connect()
    body = b"x" * 5_000_000
    writer.write(post(body, path)[:-1])
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(reader.read(1), 0.2)
    writer.write(b"x")
    assert (await answer(reader))[0] == b"HTTP/1.1 400 Bad Request"
    writer.write(post(body, "/v1/media"))
    assert b"5000000 bytes" in (await answer(reader))[1]
    writer.close()


@REFUSED
async def test_one_that_is_refused_early_and_does_not_end_is_told_so_all_the_same(
    door: Door, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, writer = await door.connect()
    monkeypatch.setattr("services.ingest.http.body.MOST_REFUSED_BYTES", 10_000)
    writer.write(post(b"x" * 40_000, path)[:-30_000])
    await asyncio.sleep(0.1)
    writer.write(b"x" * 20_000)
    assert (await asyncio.wait_for(answer(reader), 30))[0] == b"HTTP/1.1 400 Bad Request"
    writer.close()
    reader, writer = await door.connect()
    monkeypatch.setattr("services.ingest.http.body.MOST_REFUSED_TIME", timedelta(seconds=0.05))
    writer.write(post(b"x" * 200, path)[:-1])
    assert (await asyncio.wait_for(answer(reader), 30))[0] == b"HTTP/1.1 400 Bad Request"
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
