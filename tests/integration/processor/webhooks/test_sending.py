"""Deliveries over real connections, to a receiver on this machine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest

from services.processor.webhooks.sending import NotArrived, Sender


@dataclass
class Receiver:
    """Answers each request with the same bytes, after a pause."""

    answer: bytes = b"HTTP/1.1 204 No Content\r\n\r\n"
    pause: float = 0.0
    requests: list[bytes] = field(default_factory=list)
    serving: set[asyncio.Task[None]] = field(default_factory=set)
    port: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.serving.add(task)
        try:
            await self._answer(reader, writer)
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(int(line[16:]) for line in head.split(b"\r\n") if line.startswith(b"content-length: "))
        self.requests.append(head + await reader.readexactly(length))
        await asyncio.sleep(self.pause)
        writer.write(self.answer)
        await writer.drain()

    @property
    def url(self) -> str:
        return f"http://receiver.test:{self.port}/events?a=b"


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    found = Receiver()
    server = await asyncio.start_server(found.serve, "127.0.0.1", 0)
    found.port = server.sockets[0].getsockname()[1]
    yield found
    server.close()
    for task in found.serving:
        task.cancel()
    await asyncio.gather(*found.serving, return_exceptions=True)
    # Transports close in the next turn of the loop.
    await asyncio.sleep(0.01)


async def here(host: str, port: int) -> list[str]:
    return ["127.0.0.1"]


def sender(*, allow_private: bool = True, resolve=here) -> Sender:  # type: ignore[no-untyped-def]
    return Sender(allow_private=allow_private, allow_http=True, resolve=resolve, seconds_most=0.5)


async def test_a_receiver_gets_the_body_and_the_headers(receiver: Receiver) -> None:
    await sender().send(receiver.url, {"dropmesh-signature": "t=1,v1=ab"}, b'{"id": "x"}')
    (request,) = receiver.requests
    head, _, body = request.partition(b"\r\n\r\n")
    assert head.startswith(b"POST /events?a=b HTTP/1.1\r\n")
    assert f"host: receiver.test:{receiver.port}".encode() in head
    assert b"dropmesh-signature: t=1,v1=ab" in head
    assert body == b'{"id": "x"}'


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (b"HTTP/1.1 500 Oops\r\n\r\n", "answered 500"),
        (b"HTTP/1.1 410 Gone\r\n\r\n", "answered 410"),
        (b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1/\r\n\r\n", "redirects are not followed"),
        (b"SSH-2.0-OpenSSH\r\n\r\n", "not HTTP/1.1"),
        (b"", "the connection failed"),
        (b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 50_000, "the connection failed"),
    ],
)
async def test_any_answer_but_a_success_is_a_failure(receiver: Receiver, answer: bytes, problem: str) -> None:
    receiver.answer = answer
    with pytest.raises(NotArrived, match=problem):
        await sender().send(receiver.url, {}, b"{}")
    assert len(receiver.requests) == 1


async def test_a_slow_receiver_is_given_up(receiver: Receiver) -> None:
    receiver.pause = 5.0
    with pytest.raises(NotArrived, match=r"did not answer within 0\.5 s"):
        await sender().send(receiver.url, {}, b"{}")


async def test_a_receiver_that_is_not_there_is_a_failure(receiver: Receiver) -> None:
    with pytest.raises(NotArrived, match="the connection failed"):
        await sender().send("http://receiver.test:1/", {}, b"{}")


async def test_a_name_of_a_private_network_is_refused_before_any_connection(receiver: Receiver) -> None:
    async def both(host: str, port: int) -> list[str]:
        return ["93.184.216.34", "127.0.0.1"]

    with pytest.raises(NotArrived, match="outside the public internet"):
        await sender(allow_private=False, resolve=both).send(receiver.url, {}, b"{}")
    assert receiver.requests == []


async def test_a_name_is_looked_up_once_so_that_it_cannot_change_after_the_check(receiver: Receiver) -> None:
    asked: list[str] = []

    async def changing(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["10.0.0.1"]

    await sender(resolve=changing).send(receiver.url, {}, b"{}")
    assert (asked, len(receiver.requests)) == (["receiver.test"], 1)


async def test_an_address_that_does_not_answer_is_not_the_last_word(receiver: Receiver) -> None:
    async def two(host: str, port: int) -> list[str]:
        return ["127.0.0.9", "127.0.0.1"]

    await sender(resolve=two).send(receiver.url, {}, b"{}")
    assert len(receiver.requests) == 1


async def test_a_name_without_an_address_is_a_failure() -> None:
    async def nowhere(host: str, port: int) -> list[str]:
        raise OSError("no such host")

    with pytest.raises(NotArrived, match=r"receiver\.test has no address"):
        await sender(resolve=nowhere).send("http://receiver.test/", {}, b"{}")
