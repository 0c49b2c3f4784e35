"""One connection of the edge to a service's door: HTTP/1.1, in whose bodies gRPC comes too."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Mapping
from typing import Any, Self, cast

import httptools

from services.common.rpc.http1.calls import GrpcCall, GrpcMethod

# Those that methods read, and those that say what a body is.
HEADERS = frozenset(
    {
        b"accept",
        b"authorization",
        b"content-encoding",
        b"content-type",
        b"grpc-encoding",
        b"if-none-match",
        b"if-range",
        b"last-event-id",
        b"range",
        b"traceparent",
        b"x-body-length",
        b"x-envoy-original-method",
        b"x-envoy-original-path",
        b"x-forwarded-for",
        b"x-invite-pin",
        b"x-request-id",
    }
)
log = logging.getLogger(__name__)


class EdgeConnection(asyncio.Protocol):
    """Answers gRPC, and has a door's subclass called for each part of a REST request. One request follows the other.

    `connections` holds those that are open, and `tasks` the calls under way.
    """

    _transport: asyncio.Transport

    def __init__(
        self, grpc_methods: Mapping[bytes, GrpcMethod], connections: set[Self], tasks: set[asyncio.Task[None]]
    ) -> None:
        self._grpc_methods = grpc_methods
        self._connections: set[Any] = connections
        self._tasks = tasks
        self._url = b""
        self._headers: list[tuple[str, str]] = []
        self._is_read = self._is_answered = True
        self._is_last = self._is_paused = False
        self._grpc_call: GrpcCall | None = None
        # Of the request under way: it ends when the edge hangs up.
        self._task: asyncio.Task[None] | None = None
        self._writable: asyncio.Future[None] | None = None
        self._parser = httptools.HttpRequestParser(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The edge connected."""
        self._transport = cast(asyncio.Transport, transport)
        self._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """The edge hung up, as it does when its client did."""
        self.resume_writing()
        self._connections.discard(self)
        if self._task is not None:
            self._task.cancel()
        if self._grpc_call is not None:
            self._grpc_call.requests.discard()
            self._grpc_call = None
        # It refers to this connection, which would stay until the garbage collector comes by.
        del self._parser

    def pause_writing(self) -> None:
        """The edge reads more slowly than an answer is written."""
        self._writable = asyncio.get_running_loop().create_future()

    def resume_writing(self) -> None:
        """It has caught up."""
        writable, self._writable = self._writable, None
        if writable is not None and not writable.done():
            writable.set_result(None)

    def data_received(self, data: bytes) -> None:
        """Some bytes came."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserCallbackError:
            log.exception("unexpected exception while a request was read")
            self._transport.close()
        except httptools.HttpParserError:
            self._transport.close()

    def on_message_begin(self) -> None:
        """A request begins."""
        if not self._is_idle():
            # The edge awaits each answer: this is some other program.
            self._transport.close()
        self._url = b""
        self._headers = []
        self._is_read = self._is_answered = False

    def on_url(self, url: bytes) -> None:
        """Some of its path and query."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header of it."""
        name = name.lower()
        if name in HEADERS:
            self._headers.append((name.decode(), value.decode("latin-1")))

    def on_headers_complete(self) -> None:
        """Its body follows."""
        if self._transport.is_closing():
            return
        called = self._grpc_methods.get(self._url)
        if called is None:
            self._on_head()
        else:
            self._grpc_call = GrpcCall(called, self._headers, self)
            self._task = self._begin(self._answer_grpc(self._grpc_call))

    def on_body(self, piece: bytes) -> None:
        """Some bytes of its body."""
        if self._transport.is_closing():
            return
        if self._grpc_call is None:
            self._on_piece(piece)
        else:
            self._grpc_call.requests.feed(piece)

    def on_message_complete(self) -> None:
        """Its body ended as it should."""
        self._is_read = True
        if self._transport.is_closing():
            return
        if self._grpc_call is None:
            self._on_whole()
        else:
            self._grpc_call.requests.end()
        self._close_after_last()

    def finish(self) -> None:
        """Takes no more requests; one under way is answered first."""
        self._is_last = True
        self._close_after_last()

    def write(self, data: bytes) -> None:
        """Sends bytes of an answer."""
        if not self._transport.is_closing():
            self._transport.write(data)

    async def drained(self) -> None:
        """Returns once the edge takes more."""
        if self._writable is not None:
            await self._writable

    def pause(self, paused: bool) -> None:
        """Reads no further, or goes on."""
        if self._transport.is_closing() or paused is self._is_paused:
            return
        self._is_paused = paused
        if paused:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()

    def abort(self) -> None:
        """Breaks off, so that the edge does not take what it has for the whole answer."""
        self._transport.abort()

    def is_closing(self) -> bool:
        """Whether no answer is awaited any more."""
        return self._transport.is_closing()

    def _on_head(self) -> None:
        """The headers of a REST request are complete."""

    def _on_piece(self, piece: bytes) -> None:
        """Some bytes of its body came."""

    def _on_whole(self) -> None:
        """Its body is complete."""
        raise NotImplementedError

    async def _answer_grpc(self, call: GrpcCall) -> None:
        await call.answer()
        self._end()

    def _begin(self, answering: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(answering)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            log.error("unexpected exception while a request was answered", exc_info=error)
        if error is not None or task.cancelled():
            # Else the edge would wait for an answer.
            self._transport.abort()

    def _end(self, last: bytes = b"") -> None:
        self.write(last)
        self._is_answered = True
        self._close_after_last()

    def _is_idle(self) -> bool:
        return self._is_read and self._is_answered

    def _close_after_last(self) -> None:
        if self._is_idle():
            # Until the next request the connection keeps nothing of this one.
            self._grpc_call = self._task = None
            if self._is_last:
                self._transport.close()
