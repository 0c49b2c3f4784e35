"""The strongest plain store of photos: a bare ASGI app."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from scripts.measuring.loading.references.photos import Photos

Event = MutableMapping[str, Any]
photos = Photos()


async def app(scope: Event, receive: Callable[[], Awaitable[Event]], send: Callable[[Event], Awaitable[None]]) -> None:
    if scope["type"] != "http":
        raise NotImplementedError
    pieces: list[bytes] = []
    while True:
        event = await receive()
        pieces.append(event.get("body", b""))
        if not event.get("more_body"):
            break
    try:
        status, answer = 201, await photos.keep(b"".join(pieces))
    except ValueError:
        status, answer = 400, b"{}"
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(answer))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": answer})
