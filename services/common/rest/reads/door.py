"""An HTTP/1.1 server beside the gRPC server, for the reads that come most often.

The edge sends them here unchanged: to turn them into gRPC and back costs more than to answer them. The same guarded
methods answer, with the same JSON.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import timedelta

from services.common.rest.reads.connection import ReadConnection
from services.common.rest.reads.routes import Routes
from services.common.rest.serving import let_finish, listen
from services.common.rpc.http1.calls import grpc_methods
from services.common.rpc.methods import Method


class ReadDoor:
    """Listens for reads."""

    _server: asyncio.AbstractServer

    def __init__(self, methods: Iterable[Method], address: str, *, drain: timedelta) -> None:
        methods = tuple(methods)
        self._routes = Routes(methods)
        self._grpc_methods = grpc_methods(methods)
        self._address = address
        self._drain = drain
        self._calls: set[asyncio.Task[None]] = set()
        self._connections: set[ReadConnection] = set()

    async def open(self) -> None:
        """Listens; raises SettingsError where that is not possible, since the service cannot do without."""
        self._server = await listen(self._address, self._connection)

    async def run(self, stopping: asyncio.Event) -> None:
        """Takes requests until `stopping` is set; those under way then have the drain time to finish."""
        await stopping.wait()
        self._server.close()
        for connection in tuple(self._connections):
            connection.finish()
        await let_finish(self._calls, self._drain)

    def _connection(self) -> ReadConnection:
        return ReadConnection(self._routes.find, self._grpc_methods, self._connections, self._calls)
