"""One connection of the edge's, on which one read follows the other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from typing import Any, Self

from services.common.base.errors import DropmeshError
from services.common.rest.answers import LAST_CHUNK, OK, error_json, http_head, stream_head
from services.common.rest.by_hand import answer_json
from services.common.rest.connection import EdgeConnection
from services.common.rest.reads.routes import Route
from services.common.rpc.call import Call
from services.common.rpc.status import error_headers, error_http_status

HEADERS = frozenset({b"authorization", b"traceparent", b"x-request-id", b"x-forwarded-for", b"accept"})
Find = Callable[[str], tuple[Route, dict[str, str]]]


class ReadConnection(EdgeConnection):
    """Calls the method of each request and writes the answer."""

    def __init__(self, find: Find, connections: set[Self], tasks: set[asyncio.Task[None]]) -> None:
        super().__init__(connections, tasks)
        self._find = find
        self._call: asyncio.Task[None] | None = None
        self._url = b""
        self._headers: list[tuple[str, str | bytes]] = []

    def connection_lost(self, exc: Exception | None) -> None:
        """The edge hung up, as it does when its client did."""
        super().connection_lost(exc)
        if self._call is not None:
            self._call.cancel()

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
        self._call = self._begin(self._answer(self._url.decode("latin-1"), self._headers))

    def _is_idle(self) -> bool:
        return self._call is None

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

    def _end(self, last: bytes) -> None:
        self._write(last)
        self._call = None
        self._close_after_last()


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data) if data else b""
