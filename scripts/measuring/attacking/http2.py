"""As much of HTTP/2 as an attacker needs: streams that are opened and then do little."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY = 0, 1, 3, 4, 6, 7
ACK, END_STREAM, END_HEADERS = 1, 1, 4


class Http2:
    """One connection; `open_streams` are those that the other end has not ended."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._next = 1
        self.open_streams: set[int] = set()
        self._reading = asyncio.create_task(self._read())
        writer.write(PREFACE + _frame(SETTINGS, 0, 0))

    @classmethod
    async def connect(cls, port: int) -> Http2:
        """Connects to a port of this machine."""
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    @property
    def is_closed(self) -> bool:
        """Whether the other end has hung up."""
        return self._reading.done()

    def open(self, headers: Mapping[str, str], body: bytes = b"") -> int:
        """Begins a request that does not end, with the first bytes of its body."""
        number, self._next = self._next, self._next + 2
        block = b"".join(b"\x00" + _text(name) + _text(value) for name, value in headers.items())
        self._writer.write(_frame(HEADERS, END_HEADERS, number, block))
        self.open_streams.add(number)
        if body:
            self.send(number, body)
        return number

    def send(self, stream: int, body: bytes) -> None:
        """Sends some bytes of a body."""
        self._writer.write(_frame(DATA, 0, stream, body))

    def close(self) -> None:
        """Hangs up."""
        self._reading.cancel()
        self._writer.close()

    async def _read(self) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await self._reader.readexactly(9)
                payload = await self._reader.readexactly(int.from_bytes(head[:3]))
                kind, flags, stream = head[3], head[4], int.from_bytes(head[5:9]) & 0x7FFFFFFF
                if kind == SETTINGS and not flags & ACK:
                    self._writer.write(_frame(SETTINGS, ACK, 0))
                elif kind == PING and not flags & ACK:
                    self._writer.write(_frame(PING, ACK, 0, payload))
                elif kind == RST_STREAM or (kind in (DATA, HEADERS) and flags & END_STREAM):
                    self.open_streams.discard(stream)
                elif kind == GOAWAY:
                    break
        self.open_streams.clear()
        self._writer.close()


def _frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return len(payload).to_bytes(3) + bytes((kind, flags)) + stream.to_bytes(4) + payload


def _text(text: str) -> bytes:
    """A string of HPACK, not compressed."""
    value = text.encode()
    if len(value) < 127:
        return bytes((len(value),)) + value
    rest, length = len(value) - 127, bytearray((127,))
    while rest >= 128:
        length.append(rest % 128 + 128)
        rest //= 128
    return bytes((*length, rest)) + value
