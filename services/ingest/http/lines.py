"""Bodies of a line for each message, and answers of a line for each response."""

from __future__ import annotations

import asyncio
import hashlib
import uuid
from collections.abc import AsyncIterator

from dropmesh.v1.ingest_service_pb2 import StreamDropsRequest, StreamDropsResponse

from services.common.rpc.call import Call
from services.common.rpc.http1.receiving import Receiving
from services.ingest.http.answers import line_json


class UnfinishedLine:
    """The line that still arrives: its bytes count as those of other unfinished requests do."""

    def __init__(self, receiving: Receiving, call: Call) -> None:
        self._receiving = receiving
        self._call = call
        self._bytes = bytearray()

    def add(self, rest: bytes) -> None:
        """Adds bytes; raises ResourceExhausted where too many are unfinished."""
        if rest:
            self._receiving.take(self._call.holder, len(rest))
            self._bytes += rest

    def take(self) -> bytes:
        """Returns its bytes and starts the next one."""
        begun = bytes(self._bytes)
        if begun:
            self._bytes.clear()
            self._receiving.give_back(self._call.holder, len(begun))
        return begun

    def __len__(self) -> int:
        return len(self._bytes)


async def lines(pieces: AsyncIterator[bytes], most_bytes: int, unfinished: UnfinishedLine) -> AsyncIterator[bytes]:
    """The lines of a body without their ends, blank ones left out; of a longer line than `most_bytes` one byte more."""
    try:
        async for piece in pieces:
            *whole, rest = piece.split(b"\n")
            if whole:
                whole[0] = unfinished.take() + whole[0]
            for line in whole:
                if line and not line.isspace():
                    yield line[: most_bytes + 1].removesuffix(b"\r")
            unfinished.add(rest[: most_bytes + 1 - len(unfinished)])
        last = unfinished.take()
        if last and not last.isspace():
            yield last
    finally:
        unfinished.take()


async def drops_of_lines(
    pieces: AsyncIterator[bytes], parameters: StreamDropsRequest, most_bytes: int, unfinished: UnfinishedLine
) -> AsyncIterator[StreamDropsRequest]:
    """A request for each line, with the parameters of all; from their request id each line gets one of its own."""
    source, request_id = parameters.source, parameters.request_id
    number = 0
    async for line in lines(pieces, most_bytes, unfinished):
        number += 1
        line_id = _line_id(request_id, number) if request_id else ""
        yield StreamDropsRequest(drop=line, source=source, request_id=line_id)


def _line_id(request_id: str, number: int) -> str:
    digest = hashlib.sha256(f"{request_id.lower()}/{number}".encode()).digest()
    return str(uuid.UUID(bytes=digest[:16], version=5))


class LinesAnswer:
    """The chunks of one answer: lines that are added in one turn of the loop are sent in one chunk."""

    def __init__(self, transport: asyncio.WriteTransport) -> None:
        self._transport = transport
        self._lines: list[bytes] = []

    def add(self, response: StreamDropsResponse) -> None:
        """Has a line sent at the end of this turn."""
        if not self._lines:
            asyncio.get_running_loop().call_soon(self.flush)
        self._lines.append(line_json(response))

    def flush(self) -> None:
        """Sends the lines that were added."""
        if self._lines and not self._transport.is_closing():
            text = b"\n".join([*self._lines, b""])
            self._transport.write(b"%x\r\n%b\r\n" % (len(text), text))
        self._lines.clear()
