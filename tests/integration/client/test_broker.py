"""The connection of `dropmesh classify-dir`, cut or silent at each point of its set-up."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

import pytest
from dropmesh.classify_dir import broker as module
from dropmesh.classify_dir.broker import Broker
from dropmesh.classify_dir.ending import end_all
from dropmesh.classify_dir.profile import load_profile

# What RabbitMQ has sent when everything is set up is a little more.
SET_UP_BYTES = 720
AT_ONCE = 20
SECONDS = 30


@asynccontextmanager
async def faulty_once(url: str, passed_bytes: int, *, is_silent: bool) -> AsyncIterator[str]:
    """An address whose first connection ends, or is silent, after RabbitMQ has sent so many bytes; the others work."""
    rabbitmq = urlsplit(url)
    forwarding: list[asyncio.Task[None]] = []
    is_over = asyncio.Event()

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        forwarding.append(task)
        is_faulty = len(forwarding) == 1
        replies, requests = await asyncio.open_connection(rabbitmq.hostname, rabbitmq.port)
        ways = {
            asyncio.create_task(pump(reader, requests)),
            asyncio.create_task(pump(replies, writer, passed_bytes if is_faulty else 1 << 30)),
        }
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        if is_faulty and is_silent:
            await is_over.wait()
        for end in (writer, requests):
            end.transport.abort()
        await asyncio.wait(ways)

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, left: int = 1 << 30) -> None:
        with suppress(ConnectionError):
            while left and (data := await reader.read(min(left, 1 << 16))):
                left -= len(data)
                writer.write(data)
                await writer.drain()

    server = await asyncio.start_server(forward, "127.0.0.1", 0)
    yield f"amqp://guest:guest@127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    server.close()
    is_over.set()
    await asyncio.gather(*forwarding)


@pytest.mark.parametrize("is_silent", [False, True], ids=["cut", "silent"])
async def test_a_request_is_sent_though_the_connection_fails_at_any_point_of_its_set_up(
    amqp_url: str, monkeypatch: pytest.MonkeyPatch, is_silent: bool
) -> None:
    monkeypatch.setattr(module, "REPLY_SECONDS", 2.0)
    monkeypatch.setattr(module, "SET_UP_SECONDS", 2.0)
    monkeypatch.setattr(module, "PAUSE_SECONDS", 0.05)
    profile = load_profile("dropmesh")
    profile.requests.queue.name = f"test.{uuid.uuid4().hex}"
    room = asyncio.Semaphore(AT_ONCE)

    async def send(passed_bytes: int) -> None:
        async with room, faulty_once(amqp_url, passed_bytes, is_silent=is_silent) as url, asyncio.timeout(SECONDS):
            broker = Broker(
                url, profile, f"p{passed_bytes}", prefetch=8, gone_after_seconds=SECONDS, note=lambda *_: None
            )
            keeping = asyncio.create_task(broker.keep())
            sending = asyncio.create_task(broker.send("id", b"{}", "image/png", 60))
            await asyncio.wait((keeping, sending), return_when=asyncio.FIRST_COMPLETED)
            is_kept, is_sent = not keeping.done(), sending.done()
            await end_all((keeping, sending), again_after=0.1)
            assert (passed_bytes, is_kept, is_sent) == (passed_bytes, True, True)

    async with asyncio.TaskGroup() as group:
        for passed_bytes in range(0, SET_UP_BYTES, 16):
            group.create_task(send(passed_bytes))
