"""One connection of the edge's, on which one read follows the other."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from typing import Any, cast

import httptools

from services.common.base.errors import DropmeshError
from services.common.rest.answers import LAST_CHUNK, OK, error_json, http_head, stream_head
from services.common.rest.by_hand import answer_json
from services.common.rpc.call import Call
from services.common.rpc.status import error_headers, error_http_status
from services.query.http.routes import Route

HEADERS = frozenset({b"authorization", b"traceparent", b"x-request-id", b"x-forwarded-for", b"accept"})
Find = Callable[[str], tuple[Route, dict[str, str]]]
log = logging.getLogger(__name__)


class ReadConnection(asyncio.Protocol):
    """Calls the method of each request and writes the answer; `calls` holds the calls under way."""

    _transport: asyncio.Transport

    def __init__(
        self,
        find: Find,
        calls: set[asyncio.Task[None]],
        connections: set[ReadConnection],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._find = find
        self._calls = calls
        self._connections = connections
        self._loop = loop
        self._call: asyncio.Task[None] | None = None
        self._is_last = False
        self._writable: asyncio.Future[None] | None = None
        self._url = b""
        self._headers: list[tuple[str, str | bytes]] = []
        self._parser = httptools.HttpRequestParser(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The edge connected."""
        self._transport = cast(asyncio.Transport, transport)
        self._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """The edge hung up, as it does when its client did."""
        self.resume_writing()
        self._connections.discard(self)
        if self._call is not None:
            self._call.cancel()

    def pause_writing(self) -> None:
        """The edge reads more slowly than points are written."""
        self._writable = self._loop.create_future()

    def resume_writing(self) -> None:
        """It has caught up."""
        writable, self._writable = self._writable, None
        if writable is not None and not writable.done():
            writable.set_result(None)

    def finish(self) -> None:
        """Takes no more requests; one under way is answered first."""
        self._is_last = True
        if self._call is None:
            self._transport.close()

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
        self._url = b""
        self._headers = []

    def on_url(self, url: bytes) -> None:
        """Some of its path and query."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header of it."""
        name = name.lower()
        if name in HEADERS:
            self._headers.append((name.decode(), value.decode("latin-1")))

    def on_message_complete(self) -> None:
        """It is whole; what it may have brought as a body is no part of a read."""
        if self._call is not None:
            # The edge awaits each answer: this is some other program.
            self._transport.close()
            return
        call = self._call = self._loop.create_task(self._answer(self._url.decode("latin-1"), self._headers))
        self._calls.add(call)
        call.add_done_callback(self._calls.discard)

    async def _answer(self, url: str, headers: list[tuple[str, str | bytes]]) -> None:
        call = Call(headers, self._transport.is_closing)
        try:
            path, _, query = url.partition("?")
            route, variables = self._find(path)
            request = route.message(variables, query)
            if route.is_stream:
                await self._send(route.method.invoke(request, call), call)
            else:
                answer = answer_json(await route.method.invoke(request, call))
                self._end(http_head(call.http_status or OK, len(answer), call.answer_headers) + answer)
        except DropmeshError as error:
            answer = error_json(error)
            self._end(http_head(error_http_status(error), len(answer), error_headers(error)) + answer)

    async def _send(self, messages: AsyncIterator[Any], call: Call) -> None:
        """Answers with bytes as they come; with their length where they came at once."""
        async with aclosing(messages) as bodies:  # type: ignore[type-var]
            first = await anext(bodies)
            second = await anext(bodies, None)
            status = call.http_status or OK
            if second is None:
                head = http_head(status, len(first.data), call.answer_headers, first.content_type)
                self._end(head + first.data)
                return
            self._write(stream_head(status, call.answer_headers, first.content_type) + _chunk(first.data))
            self._write(_chunk(second.data))
            try:
                async for body in bodies:
                    if self._writable is not None:
                        await self._writable
                    self._write(_chunk(body.data))
            except DropmeshError:
                # The client sees that the answer broke off.
                self._transport.abort()
            else:
                self._end(LAST_CHUNK)

    def _write(self, data: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(data)

    def _end(self, last: bytes) -> None:
        self._write(last)
        self._call = None
        if self._is_last:
            self._transport.close()


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data) if data else b""
