"""An HTTP/1.1 server beside the gRPC server, since drops come by the thousand and media are large.

The edge sends requests here whose body is raw bytes, unchanged: to turn them into gRPC and back would cost more than
the work itself. The same guarded methods answer, with the same JSON.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import timedelta

from services.common.base.loops import pause
from services.common.rpc.operations import clear_socket
from services.ingest.http.arriving import Receiving
from services.ingest.http.connection import RATE_WINDOW, HttpConnection
from services.ingest.http.routes import Route, Routes

# Unfinished bodies that are kept in memory: so many of the largest, and no less than this.
LARGEST_AT_ONCE = 16
LEAST_RECEIVING_BYTES = 64 * 1024 * 1024
# Connections that the edge may make at once: over a unix socket one more fails instead of waiting.
BACKLOG = 4096


class HttpDoor:
    """Listens for the requests of some routes."""

    def __init__(
        self, routes: Iterable[Route], address: str, *, max_whole_bytes: int, drain: timedelta = timedelta(seconds=10)
    ) -> None:
        self._routes = Routes(routes)
        self._address = address
        self._max_whole_bytes = max_whole_bytes
        self._receiving = Receiving(max(LEAST_RECEIVING_BYTES, LARGEST_AT_ONCE * max_whole_bytes))
        self._drain = drain
        self._tasks: set[asyncio.Task[None]] = set()
        self._connections: set[HttpConnection] = set()

    async def run(self, stopping: asyncio.Event) -> None:
        """Takes requests until `stopping` is set; those under way then have the drain time to finish."""
        loop = asyncio.get_running_loop()
        clear_socket(self._address)
        if self._address.startswith("unix:"):
            path = self._address.removeprefix("unix:")
            server: asyncio.AbstractServer = await loop.create_unix_server(self._connection, path, backlog=BACKLOG)
        else:
            host, _, port = self._address.rpartition(":")
            server = await loop.create_server(self._connection, host or None, int(port), backlog=BACKLOG)
        while not await pause(RATE_WINDOW.total_seconds(), stopping):
            for connection in tuple(self._connections):
                connection.check_rate()
        server.close()
        for connection in tuple(self._connections):
            connection.finish()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=self._drain.total_seconds())
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def _connection(self) -> HttpConnection:
        return HttpConnection(self._routes.find, self._receiving, self._max_whole_bytes, self._tasks, self._connections)
