"""The HTTP door as a bare ASGI app on uvicorn: the same routes, methods and answers, another HTTP server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, MutableMapping
from typing import Any

from services.common.base.errors import DropmeshError
from services.common.rest.answers import OK, error_json
from services.common.rest.connection import HEADERS
from services.common.rpc.call import Call
from services.common.rpc.methods import Kind
from services.common.rpc.status import error_headers, error_http_status
from services.ingest.http.answers import response_json
from services.ingest.http.body import Piece
from services.ingest.http.routes import Route, Routes

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class DoorApp:
    """Answers a request of ASGI by its method."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._routes = Routes(routes)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """One request."""
        headers = [(name.decode(), value.decode("latin-1")) for name, value in scope["headers"] if name in HEADERS]
        content_type = next((value.decode() for name, value in scope["headers"] if name == b"content-type"), "")
        call = Call(headers, lambda: False)
        try:
            path = scope["raw_path"].decode("latin-1")
            route = self._routes.find(scope["method"].encode(), path)
            request = route.first_message(path, scope["query_string"].decode("latin-1"), content_type)
            if route.kind is Kind.CLIENT_STREAM:
                request = _messages(request, receive)
            else:
                getattr(request, route.body).data = await _whole(receive)
            answer = response_json(await route.method.invoke(request, call))
            status, more = call.http_status or OK, call.answer_headers
        except DropmeshError as error:
            answer, status, more = error_json(error), error_http_status(error), error_headers(error)
        pairs = [(name.encode(), value.encode()) for name, value in more.items()]
        pairs += [(b"content-type", b"application/json"), (b"content-length", str(len(answer)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": pairs})
        await send({"type": "http.response.body", "body": answer})


async def _whole(receive: Receive) -> bytes:
    pieces = []
    while True:
        event = await receive()
        if event["type"] == "http.disconnect":
            raise asyncio.CancelledError
        pieces.append(event["body"])
        if not event["more_body"]:
            return pieces[0] if len(pieces) == 1 else b"".join(pieces)


async def _messages(first: Any, receive: Receive) -> AsyncIterator[Any]:
    yield first
    while True:
        event = await receive()
        if event["type"] == "http.disconnect":
            raise asyncio.CancelledError
        if event["body"]:
            yield Piece(event["body"])
        if not event["more_body"]:
            return


async def start_uvicorn(app: DoorApp, path: str) -> Any:
    """Serves the app on a unix socket in this process, without what uvicorn does beside; the server is to be held."""
    import uvicorn

    config = uvicorn.Config(
        app,
        uds=path,
        http="httptools",
        ws="none",
        lifespan="off",
        interface="asgi3",
        access_log=False,
        log_config=None,
        proxy_headers=False,
        server_header=False,
        date_header=False,
    )
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    await server.startup()
    return server
