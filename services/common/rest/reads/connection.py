"""One connection of the edge's, on which one read follows the other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing
from typing import Any, Self

from services.common.base.errors import DropmeshError
from services.common.rest.answers import LAST_CHUNK, OK, error_json, http_head, stream_head
from services.common.rest.by_hand import answer_json
from services.common.rest.connection import EdgeConnection
from services.common.rest.reads.routes import Route
from services.common.rpc.call import Call
from services.common.rpc.http1.calls import GrpcMethod
from services.common.rpc.status import error_headers, error_http_status

Find = Callable[[str], tuple[Route, dict[str, str]]]


class ReadConnection(EdgeConnection):
    """Calls the method of each request and writes the answer."""

    def __init__(
        self,
        find: Find,
        grpc_methods: Mapping[bytes, GrpcMethod],
        connections: set[Self],
        tasks: set[asyncio.Task[None]],
    ) -> None:
        super().__init__(grpc_methods, connections, tasks)
        self._find = find

    def _on_whole(self) -> None:
        self._task = self._begin(self._answer(self._url.decode("latin-1"), self._headers))

    async def _answer(self, url: str, headers: Sequence[tuple[str, str]]) -> None:
        call = Call(headers, self.is_closing)
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
            self.write(stream_head(status, call.answer_headers, first.content_type) + _chunk(first.data))
            self.write(_chunk(second.data))
            try:
                async for body in bodies:
                    await self.drained()
                    self.write(_chunk(body.data))
            except DropmeshError:
                # The client sees that the answer broke off.
                self.abort()
            else:
                self._end(LAST_CHUNK)


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data) if data else b""
