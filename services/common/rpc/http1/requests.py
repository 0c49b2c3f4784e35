"""The requests of one gRPC call over HTTP/1.1, cut out of its body as they arrive."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Callable
from typing import Any

from dropmesh.v1 import error_reason_pb2 as reasons

from services.common.base.errors import DropmeshError, InvalidArgument, ResourceExhausted
from services.common.rpc.call import Call
from services.common.rpc.http1.receiving import Receiving

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
        self,
        read: Callable[[bytes], Any],
        call: Call,
        receiving: Receiving,
        set_paused: Callable[[bool], None],
        *,
        most_bytes: int,
    ) -> None:
        self._read = read
        self._call = call
        self._encoding = call.header("grpc-encoding") or "identity"
        self._receiving = receiving
        self._set_paused = set_paused
        self._most_bytes = most_bytes
        self._unread = bytearray()
        self._counted_bytes = 0
        self._is_whole = self._is_unwanted = self._is_paused = False
        self._arrived: asyncio.Future[None] | None = None
        self._failure: DropmeshError | None = None

    def feed(self, piece: bytes) -> None:
        """Adds the next bytes of the body."""
        if self._is_unwanted:
            return
        self._unread += piece
        if self._arrived is not None:
            self._count()
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
        self._give_back()
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
            if self._failure is not None:
                raise self._failure
        message = bytes(memoryview(self._unread)[PREFIX_BYTES : PREFIX_BYTES + size_bytes])
        is_compressed = self._unread[0] != 0
        del self._unread[: PREFIX_BYTES + size_bytes]
        self._give_back()
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

    def _count(self) -> None:
        """Counts what is held of a large message; what every call may hold is not counted."""
        more_bytes = len(self._unread) - MOST_UNREAD_BYTES - self._counted_bytes
        if more_bytes <= 0:
            return
        try:
            self._receiving.take(self._call.holder, more_bytes)
        except DropmeshError as error:
            self._failure = error.with_traceback(None)
        else:
            self._counted_bytes += more_bytes

    def _give_back(self) -> None:
        if self._counted_bytes:
            self._receiving.give_back(self._call.holder, self._counted_bytes)
            self._counted_bytes = 0

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
