"""One connection of the edge's, on which one request of HTTP/1.1 follows the other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import httptools

from services.common.rpc.call import HTTP_STATUS
from services.ingest.http.answers import (
    ERROR_STATUS,
    error_json,
    http_head,
    malformed_json,
    no_route_json,
    response_json,
)
from services.ingest.http.body import PlainBody
from services.ingest.http.context import Aborted, PlainContext
from services.ingest.http.query import QueryMalformed
from services.ingest.http.routes import Route

METADATA = frozenset({b"authorization", b"x-request-id"})
NO_HEADERS: Mapping[str, Any] = {}
Find = Callable[[bytes, str], Route | None]


@dataclass(slots=True)
class _Incoming:
    """A request as far as it was read; `route` is None until its headers are complete, and where it was refused."""

    url: bytes = b""
    content_type: str = ""
    metadata: list[tuple[str, str]] = field(default_factory=list)
    route: Route | None = None
    first: Any = None
    streamed: PlainBody | None = None
    pieces: list[bytes] = field(default_factory=list)
    size_bytes: int = 0


class PlainConnection(asyncio.Protocol):
    """Hands each request to its method and writes the answer; `tasks` holds those under way."""

    _transport: asyncio.Transport

    def __init__(
        self, find: Find, max_whole_bytes: int, tasks: set[asyncio.Task[None]], connections: set[PlainConnection]
    ) -> None:
        self._find = find
        self._max_whole_bytes = max_whole_bytes
        self._tasks = tasks
        self._connections = connections
        self._is_last = False
        self._is_read = self._is_answered = True
        self._incoming = _Incoming()
        self._parser = httptools.HttpRequestParser(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The edge connected."""
        self._transport = cast(asyncio.Transport, transport)
        self._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """The edge hung up, as it does when its client did."""
        self._connections.discard(self)
        if self._incoming.streamed is not None:
            self._incoming.streamed.lose()

    def finish(self) -> None:
        """Takes no more requests; one under way is answered first."""
        self._is_last = True
        self._close_after_last()

    def data_received(self, data: bytes) -> None:
        """Some bytes came."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._transport.close()

    def on_message_begin(self) -> None:
        """A request begins."""
        self._incoming = _Incoming()
        self._is_read = self._is_answered = False

    def on_url(self, url: bytes) -> None:
        """Some of its path and query."""
        self._incoming.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header of it."""
        name = name.lower()
        if name in METADATA:
            self._incoming.metadata.append((name.decode(), value.decode("latin-1")))
        elif name == b"content-type":
            self._incoming.content_type = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        """Its body follows."""
        incoming = self._incoming
        path, _, query = incoming.url.decode("latin-1").partition("?")
        route = self._find(self._parser.get_method(), path)
        if route is None:
            self._write("404", no_route_json())
            return
        try:
            incoming.first = route.first_message(path, query, incoming.content_type)
        except QueryMalformed as malformed:
            self._write("400", malformed_json(str(malformed)))
            return
        incoming.route = route
        if route.streamed:
            incoming.streamed = PlainBody(self._set_paused)
            self._begin(route, incoming, incoming.streamed.messages(incoming.first))

    def on_body(self, piece: bytes) -> None:
        """Some bytes of its body."""
        incoming = self._incoming
        if incoming.streamed is not None:
            incoming.streamed.feed(piece)
        elif incoming.route is not None:
            # One byte too many is enough to be refused; the rest only passes by.
            kept = piece[: self._max_whole_bytes + 1 - incoming.size_bytes]
            if kept:
                incoming.size_bytes += len(kept)
                incoming.pieces.append(kept)

    def on_message_complete(self) -> None:
        """Its body ended as it should."""
        incoming = self._incoming
        self._is_read = True
        if incoming.streamed is not None:
            incoming.streamed.end()
        elif incoming.route is not None:
            pieces, incoming.pieces = incoming.pieces, []
            getattr(incoming.first, incoming.route.body).data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
            self._begin(incoming.route, incoming, incoming.first)
        self._close_after_last()

    def _begin(self, route: Route, incoming: _Incoming, request: Any) -> None:
        task = asyncio.create_task(self._answer(route, incoming, request))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, route: Route, incoming: _Incoming, request: Any) -> None:
        context = PlainContext(incoming.metadata, self._transport.is_closing)
        try:
            answer = response_json(await route.handler(request, context))
        except Aborted as aborted:
            answer = error_json(aborted.code, aborted.message, context.trailers)
            context.status = context.trailers.get(HTTP_STATUS) or ERROR_STATUS[aborted.code]
        finally:
            if incoming.streamed is not None:
                incoming.streamed.discard()
        self._write(context.status, answer, context.trailers)

    def _write(self, status: str, answer: bytes, headers: Mapping[str, Any] = NO_HEADERS) -> None:
        """Answers; the rest of a body that was refused early is read first, before the next request or the end."""
        if not self._transport.is_closing():
            self._transport.write(http_head(status, len(answer), headers) + answer)
        self._is_answered = True
        self._close_after_last()

    def _close_after_last(self) -> None:
        if self._is_last and self._is_read and self._is_answered:
            self._transport.close()

    def _set_paused(self, paused: bool) -> None:
        if self._transport.is_closing():
            return
        if paused:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()
