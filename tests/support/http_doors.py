"""An HTTP door on a socket of its own, as the edge meets it."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass
class Door:
    path: str
    echo: Any
    stopping: asyncio.Event
    running: asyncio.Task[None]

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        while not Path(self.path).exists():  # noqa: ASYNC110, ASYNC240
            await asyncio.sleep(0.01)
        return await asyncio.open_unix_connection(self.path)


@asynccontextmanager
async def open_door(echo: Any, run: Callable[[str, asyncio.Event], Awaitable[None]]) -> AsyncIterator[Door]:
    """A door that answers by the methods of `echo`; `run` takes its address, and the event that ends it."""
    with tempfile.TemporaryDirectory(prefix="dropmesh-") as folder:
        stopping = asyncio.Event()
        running = asyncio.ensure_future(run(f"unix:{folder}/http.sock", stopping))
        yield Door(f"{folder}/http.sock", echo, stopping, running)
        stopping.set()
        await running
