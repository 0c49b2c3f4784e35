"""A door for bodies in plain HTTP/1.1, beside the one for gRPC, since drops come by the thousand and media are large.

The edge sends here what has raw bytes as its body, as it came: turning it into gRPC and back would cost more than all
that is done with it. Behind the door are the same guarded methods, and what they answer is the same JSON.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta

from services.common.rpc.server import clear_socket
from services.ingest.http.connection import PlainConnection
from services.ingest.http.routes import Route


class PlainDoor:
    """Listens for the requests of some routes."""

    def __init__(
        self, routes: list[Route], address: str, *, max_whole_bytes: int, drain: timedelta = timedelta(seconds=10)
    ) -> None:
        self._fixed = {(route.verb, route.template): route for route in routes if not route.path.groups}
        self._others = [route for route in routes if route.path.groups]
        self._address = address
        self._max_whole_bytes = max_whole_bytes
        self._drain = drain
        self._tasks: set[asyncio.Task[None]] = set()
        self._connections: set[PlainConnection] = set()

    async def run(self, stopping: asyncio.Event) -> None:
        """Takes requests until told to stop; those under way have a while to finish."""
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
            _, late = await asyncio.wait(self._tasks, timeout=self._drain.total_seconds())
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def _connection(self) -> PlainConnection:
        return PlainConnection(self._find, self._max_whole_bytes, self._tasks, self._connections)

    def _find(self, verb: bytes, path: str) -> Route | None:
        fixed = self._fixed.get((verb, path))
        if fixed is not None:
            return fixed
        return next((route for route in self._others if route.verb == verb and route.path.fullmatch(path)), None)
