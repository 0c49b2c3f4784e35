"""An HTTP/1.1 server beside the gRPC server, since drops come by the thousand and media are large.

The edge sends requests here whose body is raw bytes, unchanged: to turn them into gRPC and back would cost more than
the work itself. The same guarded methods answer, with the same JSON.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import timedelta

from services.common.base.loops import pause
from services.common.rest.serving import let_finish, listen
from services.common.rpc.http1.calls import grpc_methods
from services.common.rpc.http1.receiving import Receiving
from services.common.rpc.methods import Method
from services.ingest.http.connection import RATE_WINDOW, HttpConnection
from services.ingest.http.routes import Routes, http_routes

# Unfinished bodies that are kept in memory: so many of the largest, and no less than this.
LARGEST_AT_ONCE = 8
LEAST_RECEIVING_BYTES = 64 * 1024 * 1024


class HttpDoor:
    """Listens for the requests of some routes."""

    _server: asyncio.AbstractServer

    def __init__(
        self, methods: Iterable[Method], address: str, *, max_whole_bytes: int, drain: timedelta = timedelta(seconds=10)
    ) -> None:
        methods = tuple(methods)
        self._routes = Routes(http_routes(methods))
        self._grpc_methods = grpc_methods(methods)
        self._address = address
        self._max_whole_bytes = max_whole_bytes
        self._receiving = Receiving(max(LEAST_RECEIVING_BYTES, LARGEST_AT_ONCE * max_whole_bytes))
        self._drain = drain
        self._tasks: set[asyncio.Task[None]] = set()
        self._connections: set[HttpConnection] = set()

    async def open(self) -> None:
        """Listens; raises SettingsError where that is not possible, since the service cannot do without."""
        self._server = await listen(self._address, self._connection)

    async def run(self, stopping: asyncio.Event) -> None:
        """Takes requests until `stopping` is set; those under way then have the drain time to finish."""
        while not await pause(RATE_WINDOW.total_seconds(), stopping):
            for connection in tuple(self._connections):
                connection.check_rate()
        self._server.close()
        for connection in tuple(self._connections):
            connection.finish()
        await let_finish(self._tasks, self._drain)

    def _connection(self) -> HttpConnection:
        return HttpConnection(
            self._routes.find,
            self._grpc_methods,
            self._receiving,
            self._max_whole_bytes,
            self._connections,
            self._tasks,
        )
