"""HTTP doors listen for connections of the edge, and let calls under way finish."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from datetime import timedelta

from services.common.rpc.operations import clear_socket
from services.common.settings import SettingsError
from services.common.settings.addresses import host_and_port

# Connections that the edge may make at once: over a unix socket one more fails instead of waiting.
BACKLOG = 4096


async def listen(address: str, connection: Callable[[], asyncio.Protocol]) -> asyncio.AbstractServer:
    """Listens at host:port or unix:/path; raises SettingsError where that is not possible."""
    loop = asyncio.get_running_loop()
    try:
        clear_socket(address)
        if address.startswith("unix:"):
            return await loop.create_unix_server(connection, address.removeprefix("unix:"), backlog=BACKLOG)
        return await loop.create_server(connection, *host_and_port(address), backlog=BACKLOG)
    except OSError as error:
        raise SettingsError(f"cannot listen at {address} (DROPMESH_HTTP): {error}") from error


async def let_finish(calls: Collection[asyncio.Task[None]], longest: timedelta) -> None:
    """Waits for calls under way, and cancels those that take longer."""
    if calls:
        _, late = await asyncio.wait(calls, timeout=longest.total_seconds())
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
