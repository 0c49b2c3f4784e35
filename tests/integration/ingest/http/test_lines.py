"""A body of lines: each is answered in its turn, before the body ends."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest

from tests.integration.ingest.http.conftest import answer, post
from tests.support.http_doors import Door

LINES = b"host: x\r\nX-Request-Id: r7\r\ntransfer-encoding: chunked\r\n\r\n"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


async def chunk_of(reader: asyncio.StreamReader) -> list[dict[str, Any]]:
    size = int(await reader.readline(), 16)
    data = await reader.readexactly(size + 2)
    return [json.loads(line) for line in data.splitlines() if line]


async def test_each_line_is_answered_before_the_body_ends(door: Door) -> None:
    reader, writer = await door.connect()
    writer.write(b"POST /v1/sources/pump-3/measurements:stream HTTP/1.1\r\n" + LINES)
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
    writer.write(b"POST /v1/measurements:stream HTTP/1.1\r\n" + LINES + b"0\r\n\r\n")
    assert b" 200 OK\r\n" in await reader.readuntil(b"\r\n\r\n")
    assert await chunk_of(reader) == []
    writer.close()


@pytest.mark.parametrize("query", ["?source=a%2Fb", "?request_id=1", "?wait=1s", "?drop=eA", "?sauce=x"])
async def test_a_wrong_parameter_of_a_stream_is_refused_once_and_for_all(door: Door, query: str) -> None:
    reader, writer = await door.connect()
    writer.write(f"POST /v1/measurements:stream{query} HTTP/1.1\r\n".encode() + LINES + chunk(b"1\n2\n") + b"0\r\n\r\n")
    line, body = await answer(reader)
    assert line == b"HTTP/1.1 400 Bad Request"
    assert json.loads(body)["code"] == 3
    writer.close()


async def test_an_answer_that_cannot_go_on_breaks_off(door: Door) -> None:
    reader, writer = await door.connect()
    writer.write(b"POST /v1/measurements:stream HTTP/1.1\r\n" + LINES + chunk(b"one\nbroken\n"))
    await reader.readuntil(b"\r\n\r\n")
    assert len(await chunk_of(reader)) == 1
    assert await reader.read() == b""
    writer.close()


async def test_what_the_stream_is_refused_with_before_its_first_line_is_the_answer(door: Door) -> None:
    reader, writer = await door.connect()
    writer.write(b"POST /v1/measurements:stream HTTP/1.1\r\n" + LINES + chunk(b"broken\n") + b"0\r\n\r\n")
    line, _ = await answer(reader)
    assert line == b"HTTP/1.1 400 Bad Request"
    writer.close()


async def test_a_sender_of_lines_that_hangs_up_cancels_the_method(door: Door) -> None:
    _, writer = await door.connect()
    writer.write(b"POST /v1/measurements:stream HTTP/1.1\r\n" + LINES + chunk(b"1\n2"))
    await door.echo.arrived.wait()
    writer.close()
    await asyncio.wait_for(door.echo.cancelled.wait(), 5)


async def test_a_sender_that_does_not_read_its_answers_is_not_read_either(door: Door) -> None:
    _, writer = await door.connect()
    writer.write(b"POST /v1/measurements:stream HTTP/1.1\r\n" + LINES)
    sent = 0
    while sent < 50_000_000:
        writer.write(chunk((b"x" * 199 + b"\n") * 100))
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
    writer.write(b"POST /v1/measurements:stream HTTP/1.1\r\n" + LINES + chunk(b"one\n"))
    await reader.readuntil(b"\r\n\r\n")
    assert len(await chunk_of(reader)) == 1
    await asyncio.sleep(0.2)
    writer.write(chunk(b"two\n") + b"0\r\n\r\n")
    assert (await chunk_of(reader))[0]["receipt"]["name"] == "3 bytes from '' for r7"
    writer.close()
