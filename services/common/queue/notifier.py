"""Wakes the processes that wait for work: a datagram to each one's socket, so that nobody has to poll."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
from contextlib import suppress
from pathlib import Path

LONGEST_NAME = 256


class Bell:
    """One socket for each process that listens, in a folder that all of them know.

    A ring may be lost to a full buffer, but then others are in it to wake the listener. It says "look", not "here is".
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._events: dict[str, asyncio.Event] = {}
        self._ear: socket.socket | None = None
        self._mouth = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._mouth.setblocking(False)

    def listen(self, name: str) -> asyncio.Event:
        """An event that is set whenever anyone rings for this name."""
        if self._ear is None:
            self._open_ear()
        return self._events.setdefault(name, asyncio.Event())

    def ring(self, name: str) -> None:
        """Wakes every listener of this name, in this process and in others."""
        own = None if self._ear is None else self._ear.getsockname()
        if name in self._events:
            self._events[name].set()
        with suppress(FileNotFoundError):
            for entry in os.scandir(self._folder):
                if entry.path != own:
                    self._send(entry.path, name)

    def close(self) -> None:
        """Stops listening."""
        if self._ear is not None:
            asyncio.get_running_loop().remove_reader(self._ear)
            Path(self._ear.getsockname()).unlink(missing_ok=True)
            self._ear.close()
            self._ear = None
        self._mouth.close()

    def _open_ear(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._ear = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._ear.setblocking(False)
        self._ear.bind(str(self._folder / f"{os.getpid()}.{secrets.token_hex(3)}"))
        asyncio.get_running_loop().add_reader(self._ear, self._hear, self._ear)

    def _hear(self, ear: socket.socket) -> None:
        with suppress(BlockingIOError):
            while True:
                name = ear.recv(LONGEST_NAME).decode()
                if name in self._events:
                    self._events[name].set()

    def _send(self, path: str, name: str) -> None:
        try:
            self._mouth.sendto(name.encode(), path)
        except (ConnectionRefusedError, FileNotFoundError):
            # Its process died without closing: nobody will ever listen there again.
            Path(path).unlink(missing_ok=True)
        except BlockingIOError:
            pass
