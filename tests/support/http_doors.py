"""An HTTP door on a socket of its own, as the edge meets it."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Protocol


class Listening(Protocol):
    """What a door does."""

    async def open(self) -> None: ...

    async def run(self, stopping: asyncio.Event) -> None: ...


@dataclass
class Door:
    path: str
    echo: Any
    stopping: asyncio.Event
    running: asyncio.Task[None]

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_unix_connection(self.path)


@asynccontextmanager
async def open_door(echo: Any, make: Callable[[str], Listening]) -> AsyncIterator[Door]:
    """A door that answers by the methods of `echo`; `make` takes its address."""
    with tempfile.TemporaryDirectory(prefix="dropmesh-") as folder:
        stopping = asyncio.Event()
        door = make(f"unix:{folder}/http.sock")
        await door.open()
        running = asyncio.create_task(door.run(stopping))
        yield Door(f"{folder}/http.sock", echo, stopping, running)
        stopping.set()
        await running
