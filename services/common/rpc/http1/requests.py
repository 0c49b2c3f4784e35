"""The requests of one gRPC call over HTTP/1.1, cut out of its body as they arrive."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Callable
from typing import Any

from dropmesh.v1 import error_reason_pb2 as reasons

from services.common.base.errors import DropmeshError, InvalidArgument, ResourceExhausted

# Before each message: whether it is compressed, and its size in four bytes.
PREFIX_BYTES = 5
# More than this is read of a body only while its next message is waited for.
MOST_UNREAD_BYTES = 1024 * 1024
# A thousand times as much may come out: more would hold up other calls.
UNPACKED_AT_ONCE_BYTES = 4096
_WINDOW_BITS = {"gzip": 31, "deflate": 15}


class IncomingRequests:
    """Iterates over the requests; the connection feeds it, and is paused while too much is unread."""

    def __init__(
        self, read: Callable[[bytes], Any], encoding: str, most_bytes: int, set_paused: Callable[[bool], None]
    ) -> None:
        self._read = read
        self._encoding = encoding
        self._most_bytes = most_bytes
        self._set_paused = set_paused
        self._unread = bytearray()
        self._is_whole = self._is_unwanted = self._is_paused = False
        self._arrived: asyncio.Future[None] | None = None

    def feed(self, piece: bytes) -> None:
        """Adds the next bytes of the body."""
        if self._is_unwanted:
            return
        self._unread += piece
        if self._arrived is not None:
            self._wake()
        elif len(self._unread) >= MOST_UNREAD_BYTES:
            self._pause(True)

    def end(self) -> None:
        """Marks the body as complete."""
        self._is_whole = True
        self._wake()

    def discard(self) -> None:
        """Drops what is unread and what still arrives: the call has ended."""
        self._is_unwanted = True
        self._unread.clear()
        self._pause(False)

    def __aiter__(self) -> IncomingRequests:
        return self

    async def __anext__(self) -> Any:
        while (size_bytes := self._next_size()) is None or len(self._unread) < PREFIX_BYTES + size_bytes:
            if self._is_whole:
                if self._unread:
                    raise _malformed("the last message of the body is not complete")
                raise StopAsyncIteration
            self._pause(False)
            self._arrived = asyncio.get_running_loop().create_future()
            await self._arrived
        message = bytes(memoryview(self._unread)[PREFIX_BYTES : PREFIX_BYTES + size_bytes])
        is_compressed = self._unread[0] != 0
        del self._unread[: PREFIX_BYTES + size_bytes]
        if self._is_paused and len(self._unread) < MOST_UNREAD_BYTES // 2:
            self._pause(False)
        if is_compressed:
            if len(message) > UNPACKED_AT_ONCE_BYTES:
                message = await asyncio.to_thread(self._unpacked, message)
            else:
                message = self._unpacked(message)
        return self._read(message)

    def _next_size(self) -> int | None:
        """Of the next message, once its prefix is there; raises ResourceExhausted."""
        if len(self._unread) < PREFIX_BYTES:
            return None
        size_bytes = int.from_bytes(self._unread[1:PREFIX_BYTES])
        if size_bytes > self._most_bytes:
            raise self._too_large()
        return size_bytes

    def _unpacked(self, message: bytes) -> bytes:
        if self._encoding not in _WINDOW_BITS:
            raise _malformed("a message is compressed, and grpc-encoding does not say how: gzip or deflate")
        unpacker = zlib.decompressobj(_WINDOW_BITS[self._encoding])
        try:
            unpacked = unpacker.decompress(message, self._most_bytes + 1)
        except zlib.error:
            raise _malformed(f"a message is not {self._encoding}") from None
        if len(unpacked) > self._most_bytes:
            raise self._too_large()
        if not unpacker.eof:
            raise _malformed(f"a message ends before its {self._encoding} does")
        return unpacked

    def _too_large(self) -> DropmeshError:
        return ResourceExhausted(
            reasons.REQUEST_TOO_LARGE,
            f"a message is larger than the limit of {self._most_bytes} bytes",
            metadata={"limit_bytes": str(self._most_bytes)},
        )

    def _wake(self) -> None:
        arrived, self._arrived = self._arrived, None
        if arrived is not None and not arrived.done():
            arrived.set_result(None)

    def _pause(self, paused: bool) -> None:
        if paused is not self._is_paused:
            self._is_paused = paused
            self._set_paused(paused)


def _malformed(problem: str) -> InvalidArgument:
    return InvalidArgument(reasons.REQUEST_MALFORMED, problem)
