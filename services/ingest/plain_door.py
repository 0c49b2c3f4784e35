"""A door for drops in plain HTTP/1.1, beside the one for gRPC, since small drops come by the thousand.

The edge sends here what has a body and nothing else (no query), as it came: turning each into gRPC and back would cost
more than all that is done with it. Behind the door is the same guarded method, and what it answers is the same JSON.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, cast

import grpc
import httptools
from dropmesh.v1 import ingest_service_pb2

from services.common.call import HTTP_STATUS
from services.common.server import clear_socket
from services.ingest.plain_answers import ERROR_STATUS, error_json, http_head, response_json

METHOD = "/dropmesh.v1.IngestService/DropMeasurements"
Pairs = Iterable[tuple[str, str | bytes]]
Handler = Callable[[Any, Any], Coroutine[Any, Any, Any]]


class PlainDoor:
    """Listens for plain drops; `handler` is the guarded method."""

    def __init__(self, handlers: grpc.GenericRpcHandler[Any, Any], address: str, *, max_drop_bytes: int) -> None:
        found = handlers.service(_Details())
        if found is None or found.unary_unary is None:
            raise ValueError(f"there is no method {METHOD}")
        self._handler = cast(Handler, found.unary_unary)
        self._address = address
        self._max_drop_bytes = max_drop_bytes
        self._tasks: set[asyncio.Task[None]] = set()
        self._connections: set[_Connection] = set()

    async def run(self, stopping: asyncio.Event) -> None:
        """Takes drops until told to stop, and finishes those under way."""
        loop = asyncio.get_running_loop()
        clear_socket(self._address)
        if self._address.startswith("unix:"):
            path = self._address.removeprefix("unix:")
            server: asyncio.AbstractServer = await loop.create_unix_server(self._connection, path)
        else:
            host, _, port = self._address.rpartition(":")
            server = await loop.create_server(self._connection, host or None, int(port))
        await stopping.wait()
        server.close()
        for connection in tuple(self._connections):
            connection.finish()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _connection(self) -> _Connection:
        return _Connection(self._handler, self._max_drop_bytes, self._tasks, self._connections)


class _Connection(asyncio.Protocol):
    """One connection of the edge's, on which one request follows the other."""

    _transport: asyncio.Transport

    def __init__(
        self,
        handler: Handler,
        max_drop_bytes: int,
        tasks: set[asyncio.Task[None]],
        connections: set[_Connection],
    ) -> None:
        self._handler = handler
        self._max_drop_bytes = max_drop_bytes
        self._tasks = tasks
        self._connections = connections
        self._is_busy = self._is_last = False
        self._parser = httptools.HttpRequestParser(self)
        self._metadata: list[tuple[str, str]] = []
        self._chunks: list[bytes] = []
        self._size_bytes = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._connections.discard(self)

    def finish(self) -> None:
        """Takes no more requests; one under way is answered first."""
        self._is_last = True
        if not self._is_busy:
            self._transport.close()

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._transport.close()

    def on_message_begin(self) -> None:
        self._metadata, self._chunks, self._size_bytes, self._is_busy = [], [], 0, True

    def on_header(self, name: bytes, value: bytes) -> None:
        name = name.lower()
        if name in {b"authorization", b"x-request-id"}:
            self._metadata.append((name.decode(), value.decode("latin-1")))

    def on_body(self, chunk: bytes) -> None:
        # One byte too many is enough to be refused; the rest only passes by.
        kept = chunk[: self._max_drop_bytes + 1 - self._size_bytes]
        if kept:
            self._size_bytes += len(kept)
            self._chunks.append(kept)

    def on_message_complete(self) -> None:
        request = ingest_service_pb2.DropMeasurementsRequest()
        request.body.data = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        self._chunks = []
        task = asyncio.create_task(self._answer(request, _Context(self._metadata)))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, request: ingest_service_pb2.DropMeasurementsRequest, context: _Context) -> None:
        try:
            body = response_json(await self._handler(request, context))
        except _Aborted as aborted:
            body = error_json(aborted.code, aborted.message, context.trailers)
            context.status = context.trailers.get(HTTP_STATUS) or ERROR_STATUS[aborted.code]
        if not self._transport.is_closing():
            self._transport.write(http_head(context.status, len(body), context.trailers.get("retry-after")) + body)
            self._is_busy = False
            if self._is_last:
                self._transport.close()


class _Aborted(Exception):
    def __init__(self, code: grpc.StatusCode, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class _Context:
    """What the guard asks of a gRPC call, said of an HTTP request."""

    def __init__(self, metadata: list[tuple[str, str]]) -> None:
        self._metadata = metadata
        self.status: str = "200"
        self.trailers: dict[str, Any] = {}

    def invocation_metadata(self) -> list[tuple[str, str]]:
        return self._metadata

    def set_trailing_metadata(self, pairs: Pairs) -> None:
        self.trailers.update(pairs)

    async def send_initial_metadata(self, pairs: Pairs) -> None:
        for name, value in pairs:
            if name == HTTP_STATUS:
                self.status = str(value)

    async def abort(self, code: grpc.StatusCode, message: str, pairs: Pairs) -> None:
        self.trailers.update(pairs)
        raise _Aborted(code, message)


class _Details(grpc.HandlerCallDetails):
    """The name of the method, as a table of handlers is asked for it."""

    method = METHOD
    invocation_metadata = ()
