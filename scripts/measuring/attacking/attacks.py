"""The attacks: requests that begin and do not end. They begin within a few seconds, and come again when refused.

Each runs in a process of its own, `python -m scripts.measuring.attacking.attacks NAME PORT [TOKEN]`, until it is ended.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from scripts.measuring.attacking.http2 import Http2

AGAIN_SECONDS = 5.0
STREAMS_IN_CONNECTION = 100
MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Attacker:
    """Where the edge is, and a token, if any."""

    port: int
    token: str = ""

    @property
    def authorization(self) -> dict[str, str]:
        """The header with the token."""
        return {"authorization": f"Bearer {self.token}"} if self.token else {}


Attack = Callable[[Attacker], Awaitable[None]]


async def slow_streams(attacker: Attacker) -> None:
    """1,000 streams of HTTP/2 that send a byte of a drop each second, and 1,000 connections that do the same."""
    drop = {":method": "POST", ":path": "/v1/measurements", **_host(attacker)}
    many = [_streams(attacker, drop, 100, after_seconds=AGAIN_SECONDS * place / 10) for place in range(10)]
    await asyncio.gather(*many, *(_slow_connection(attacker, AGAIN_SECONDS * place / 1000) for place in range(1000)))


async def half_bodies(attacker: Attacker) -> None:
    """100 bodies of which half was sent: 50 drops of 16 MiB and 50 images of 60 MiB."""
    drops = [_half_body(attacker, "/v1/measurements", 16 * MIB) for _ in range(50)]
    images = [_half_body(attacker, "/v1/images:detect", 60 * MIB) for _ in range(50)]
    await asyncio.gather(*drops, *images)


async def reflection_streams(attacker: Attacker) -> None:
    """100 streams of reflection, on one connection."""
    path = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
    headers = {
        ":method": "POST",
        ":path": path,
        "content-type": "application/grpc",
        "te": "trailers",
        **_host(attacker),
    }
    await _streams(attacker, headers, 100, first=b"\0\0\0\0\2:\0")


ATTACKS: dict[str, Attack] = {
    "slow streams": slow_streams,
    "half bodies": half_bodies,
    "reflection": reflection_streams,
}


def _host(attacker: Attacker) -> dict[str, str]:
    return {":scheme": "http", ":authority": f"127.0.0.1:{attacker.port}", **attacker.authorization}


async def _streams(
    attacker: Attacker, headers: Mapping[str, str], count: int, *, first: bytes = b"x", after_seconds: float = 0.0
) -> None:
    connection: Http2 | None = None
    await asyncio.sleep(after_seconds)
    try:
        while True:
            if connection is None or connection.is_closed:
                connection = await Http2.connect(attacker.port)
            for _ in range(count - len(connection.open_streams)):
                connection.open(headers, first)
            for _ in range(int(AGAIN_SECONDS)):
                await asyncio.sleep(1)
                for stream in tuple(connection.open_streams):
                    connection.send(stream, b"x")
    finally:
        if connection is not None:
            connection.close()


async def _slow_connection(attacker: Attacker, after_seconds: float) -> None:
    await asyncio.sleep(after_seconds)
    while True:
        with suppress(OSError):
            reader, writer = await asyncio.open_connection("127.0.0.1", attacker.port)
            try:
                writer.write(_head(attacker, "/v1/measurements", 1000))
                while not reader.at_eof() and not writer.is_closing():
                    writer.write(b"x")
                    with suppress(TimeoutError):
                        await asyncio.wait_for(reader.read(65536), 1)
            finally:
                writer.close()
        await asyncio.sleep(AGAIN_SECONDS)


async def _half_body(attacker: Attacker, path: str, size_bytes: int) -> None:
    while True:
        with suppress(OSError):
            reader, writer = await asyncio.open_connection("127.0.0.1", attacker.port)
            try:
                writer.write(_head(attacker, path, size_bytes))
                sending = asyncio.create_task(_send(writer, size_bytes // 2))
                while await reader.read(65536):
                    pass
            finally:
                sending.cancel()
                writer.close()
        await asyncio.sleep(AGAIN_SECONDS)


async def _send(writer: asyncio.StreamWriter, size_bytes: int) -> None:
    piece = b"x" * 65536
    for _ in range(size_bytes // len(piece)):
        writer.write(piece)
        await writer.drain()


def _head(attacker: Attacker, path: str, size_bytes: int) -> bytes:
    more = "".join(f"{name}: {value}\r\n" for name, value in attacker.authorization.items())
    return (
        f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1:{attacker.port}\r\n{more}"
        f"content-type: image/jpeg\r\ncontent-length: {size_bytes}\r\n\r\n"
    ).encode()


if __name__ == "__main__":
    # A write to a connection that the edge has ended is no news here.
    logging.getLogger("asyncio").setLevel(logging.ERROR)
    _, attack, port, *token = sys.argv
    asyncio.run(ATTACKS[attack](Attacker(int(port), *token)))  # type: ignore[arg-type]
