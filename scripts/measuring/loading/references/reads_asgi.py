"""The strongest plain service that reads: a bare ASGI app."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from scripts.measuring.loading.references.documents import Documents, Refused

Event = MutableMapping[str, Any]
documents = Documents()


async def app(scope: Event, _receive: Callable[[], Awaitable[Event]], send: Callable[[Event], Awaitable[None]]) -> None:
    if scope["type"] != "http":
        raise NotImplementedError
    headers = dict(scope["headers"])
    try:
        authorization = headers.get(b"authorization", b"").decode()
        status, answer = 200, documents.read(scope["path"], scope["query_string"].decode(), authorization)
    except Refused as refused:
        status, answer = refused.status, b"{}"
    answered = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(answer)),
        (b"x-request-id", headers.get(b"x-request-id") or uuid.uuid4().hex.encode()),
    ]
    await send({"type": "http.response.start", "status": status, "headers": answered})
    await send({"type": "http.response.body", "body": answer})
