"""The strongest plain dropzone: a bare ASGI app, with no framework between the server and the work."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from scripts.measuring.loading.references.group_commit import Dropzone

Event = MutableMapping[str, Any]
dropzone = Dropzone()


async def app(scope: Event, receive: Callable[[], Awaitable[Event]], send: Callable[[Event], Awaitable[None]]) -> None:
    if scope["type"] != "http":
        raise NotImplementedError
    raw = b""
    while True:
        event = await receive()
        raw += event.get("body", b"")
        if not event.get("more_body"):
            break
    try:
        status, answer = 202, await dropzone.keep(raw)
    except ValueError:
        status, answer = 400, b"{}"
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(answer))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": answer})
