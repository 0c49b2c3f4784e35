"""One connection of the edge's, on which one HTTP/1.1 request follows the other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Self

from services.common.base.errors import DropmeshError, TooSlow, Unauthenticated
from services.common.invites.pages import HEADERS as PAGE_HEADERS
from services.common.invites.pages import HTML, refused_page, uploaded_page
from services.common.rest.answers import LAST_CHUNK, OK, error_json, http_head
from services.common.rest.connection import EdgeConnection
from services.common.rpc.call import Call
from services.common.rpc.http1.calls import GrpcMethod
from services.common.rpc.http1.receiving import Receiving
from services.common.rpc.methods import Kind
from services.common.rpc.status import error_headers, error_http_status
from services.ingest.http.answers import HEAD_OF_LINES, response_json
from services.ingest.http.arriving import ArrivingRequest
from services.ingest.http.body import IncomingBody
from services.ingest.http.influx import PATH, influx_error_json, influx_http_status
from services.ingest.http.lines import LinesAnswer, UnfinishedLine, drops_of_lines
from services.ingest.http.pages import wants_page
from services.ingest.http.routes import Route

# What a body must bring in each window of time, unless this end has paused it.
LEAST_BYTES = 4096
RATE_WINDOW = timedelta(seconds=20)
Find = Callable[[bytes, str], Route]


@dataclass(slots=True)
class _Incoming:
    """A request as far as it was read; `route` is None until its headers are complete, and where it was refused."""

    url: bytes = b""
    headers: Sequence[tuple[str, str]] = ()
    route: Route | None = None
    first: Any = None
    streamed: IncomingBody | None = None
    arriving: ArrivingRequest | None = None
    pieces: list[bytes] = field(default_factory=list)
    size_bytes: int = 0

    def header(self, name: str) -> str:
        """A header of it; empty where it has none."""
        return next((value for key, value in self.headers if key == name), "")


class HttpConnection(EdgeConnection):
    """Calls the method of each request and writes the answer."""

    def __init__(
        self,
        find: Find,
        grpc_methods: Mapping[bytes, GrpcMethod],
        receiving: Receiving,
        max_whole_bytes: int,
        connections: set[Self],
        tasks: set[asyncio.Task[None]],
    ) -> None:
        super().__init__(grpc_methods, connections, tasks)
        self._find = find
        self._receiving = receiving
        self._max_whole_bytes = max_whole_bytes
        # Of the body, since the last check of its rate; None before the first one.
        self._checked_bytes: int | None = None
        self._incoming = _Incoming()

    def connection_lost(self, exc: Exception | None) -> None:
        """The edge hung up, as it does when its client did."""
        super().connection_lost(exc)
        if self._incoming.streamed is not None:
            self._incoming.streamed.lose()

    def data_received(self, data: bytes) -> None:
        """Some bytes came."""
        super().data_received(data)
        if not (self._is_read or self._transport.is_closing()):
            self._await_rest()

    def check_rate(self) -> None:
        """Refuses a body that brought too little since the last check."""
        route = self._incoming.route
        if self._is_read or self._is_paused or (route is not None and route.kind is Kind.BOTH_STREAM):
            # The drops of a stream may be hours apart.
            self._checked_bytes = None
            return
        if self._checked_bytes is not None and self._checked_bytes < LEAST_BYTES:
            body = self._incoming.streamed or self._incoming.arriving
            if body is not None:
                body.fail(TooSlow(LEAST_BYTES, RATE_WINDOW))
        self._checked_bytes = 0

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._checked_bytes = None

    def _on_head(self) -> None:
        incoming = self._incoming = _Incoming(self._url, self._headers)
        path, _, query = incoming.url.decode("latin-1").partition("?")
        try:
            route = self._find(self._parser.get_method(), path)
            route.check_encoding(",".join([value for name, value in incoming.headers if name == "content-encoding"]))
            incoming.first = route.first_message(path, query, incoming.header("content-type"))
        except DropmeshError as refusal:
            self._begin(self._refuse_at_end(incoming, refusal))
            return
        incoming.route = route
        if route.kind is not Kind.UNARY:
            call, body = self._call(incoming), IncomingBody(self.pause)
            incoming.streamed = body
            if route.kind is Kind.BOTH_STREAM:
                unfinished = UnfinishedLine(self._receiving, call)
                requests = drops_of_lines(body.pieces(), incoming.first, self._max_whole_bytes, unfinished)
                self._begin(self._answer_lines(route, incoming, requests, call))
            else:
                self._begin(self._answer(route, incoming, body.messages(incoming.first), call))

    def _on_piece(self, piece: bytes) -> None:
        incoming = self._incoming
        if self._checked_bytes is not None:
            self._checked_bytes += len(piece)
        if incoming.streamed is not None:
            incoming.streamed.feed(piece)
        elif incoming.route is not None:
            # One byte over the limit is enough to be refused; the rest is dropped.
            kept = piece[: self._max_whole_bytes + 1 - incoming.size_bytes]
            if kept:
                incoming.size_bytes += len(kept)
                if incoming.arriving is None:
                    incoming.pieces.append(kept)
                else:
                    incoming.arriving.feed((kept,))

    def _on_whole(self) -> None:
        incoming = self._incoming
        if incoming.streamed is not None:
            incoming.streamed.end()
        elif incoming.arriving is not None:
            incoming.arriving.end()
        elif incoming.route is not None:
            pieces, incoming.pieces = incoming.pieces, []
            getattr(incoming.first, incoming.route.body).data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
            self._task = self._begin(self._answer(incoming.route, incoming, incoming.first, self._call(incoming)))

    def _await_rest(self) -> None:
        """Calls the method of a request whose body is not complete: it asks for the rest once the caller is known."""
        incoming = self._incoming
        route = incoming.route
        if route is not None and incoming.streamed is None and incoming.arriving is None:
            call = self._call(incoming)
            arriving = ArrivingRequest(incoming.first, route.body, call, self._receiving, self.pause)
            arriving.feed(incoming.pieces)
            incoming.pieces, incoming.arriving = [], arriving
            self._task = self._begin(self._answer(route, incoming, arriving, call))

    def _call(self, incoming: _Incoming) -> Call:
        return Call(incoming.headers, self.is_closing)

    async def _answer(self, route: Route, incoming: _Incoming, request: Any, call: Call) -> None:
        try:
            response = await route.method.invoke(request, call)
            is_page = wants_page(incoming.url, incoming.header("accept"))
            answer = uploaded_page(response.results) if is_page else response_json(response)
        except DropmeshError as error:
            _discard(incoming)
            await self._refuse_at_end(incoming, error)
        else:
            self._respond(call.http_status or OK, answer, call.answer_headers, is_page=is_page)
        finally:
            _discard(incoming)

    async def _answer_lines(self, route: Route, incoming: _Incoming, requests: AsyncIterator[Any], call: Call) -> None:
        answer: LinesAnswer | None = None
        try:
            async with aclosing(route.method.invoke(requests, call)) as responses:
                async for response in responses:
                    answer = answer or self._begin_lines()
                    answer.add(response)
                    await self.drained()
        except DropmeshError as error:
            if answer is None:
                self._refuse(incoming, error)
            else:
                # The client sees that the answer broke off, and what has no line yet.
                answer.flush()
                self._transport.close()
        else:
            (answer or self._begin_lines()).flush()
            self._end(LAST_CHUNK)
        finally:
            _discard(incoming)

    def _begin_lines(self) -> LinesAnswer:
        self.write(HEAD_OF_LINES)
        return LinesAnswer(self._transport)

    async def _refuse_at_end(self, incoming: _Incoming, error: DropmeshError) -> None:
        # A caller without a token holds nothing up, and one that has to come again gets the answer at once.
        if not (self._is_read or isinstance(error, Unauthenticated) or error.retry_after is not None):
            incoming.streamed = incoming.streamed or IncomingBody(self.pause)
            await incoming.streamed.rest()
        self._refuse(incoming, error)

    def _refuse(self, incoming: _Incoming, error: DropmeshError) -> None:
        status, headers = error_http_status(error), error_headers(error)
        if incoming.url.startswith(PATH):
            status = influx_http_status(error, status)
            self._respond(status, influx_error_json(error, status), headers)
        elif wants_page(incoming.url, incoming.header("accept")):
            self._respond(status, refused_page(error), headers, is_page=True)
        else:
            self._respond(status, error_json(error), headers)

    def _respond(self, status: int, answer: bytes, headers: Mapping[str, str], *, is_page: bool = False) -> None:
        """Answers; what is left of a body that was refused is read before the next request or the end."""
        if is_page:
            self._end(http_head(status, len(answer), {**headers, **PAGE_HEADERS}, HTML) + answer)
        else:
            self._end(http_head(status, len(answer), headers) + answer)

    def _close_after_last(self) -> None:
        if self._is_idle():
            # Until the next request the connection keeps no body.
            self._incoming = _Incoming()
        super()._close_after_last()


def _discard(incoming: _Incoming) -> None:
    """The method has ended: what is unread is dropped."""
    if incoming.streamed is not None:
        incoming.streamed.discard()
    if incoming.arriving is not None:
        incoming.arriving.discard()
