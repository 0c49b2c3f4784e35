"""Wakes the processes that wait for work with a datagram to the socket of each, so that none has to poll."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
from contextlib import suppress
from pathlib import Path

from services.common.queue.bell import Heard

LONGEST_MESSAGE = 64 * 1024
BELL = "bell"


class Notifier:
    """One socket for each process that listens, all in one folder.

    A notification may be lost to a full buffer, but then others are in it to wake the listener. It means "look again"
    and carries no work. It is a `Bell` too: a notification with a text.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._events: dict[str, asyncio.Event] = {}
        self._heard: list[Heard] = []
        self._receiver: socket.socket | None = None
        self._sender = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._sender.setblocking(False)

    def event(self, name: str) -> asyncio.Event:
        """Returns the event that is set by each notification of this name."""
        if self._receiver is None:
            self._open_receiver()
        return self._events.setdefault(name, asyncio.Event())

    def notify(self, name: str) -> None:
        """Wakes every listener of this name, in this process and in others."""
        own = None if self._receiver is None else self._receiver.getsockname()
        self._receive_one(name)
        with suppress(FileNotFoundError):
            for entry in os.scandir(self._folder):
                if entry.path != own:
                    self._send(entry.path, name)

    def ring(self, message: str) -> None:
        """See `Bell`."""
        self.notify(f"{BELL} {message}")

    def listen(self, heard: Heard) -> None:
        """See `Bell`."""
        if self._receiver is None:
            self._open_receiver()
        self._heard.append(heard)

    def close(self) -> None:
        """Stops listening."""
        if self._receiver is not None:
            asyncio.get_running_loop().remove_reader(self._receiver)
            Path(self._receiver.getsockname()).unlink(missing_ok=True)
            self._receiver.close()
            self._receiver = None
        self._sender.close()

    def _open_receiver(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._receiver.setblocking(False)
        self._receiver.bind(str(self._folder / f"{os.getpid()}.{secrets.token_hex(3)}"))
        asyncio.get_running_loop().add_reader(self._receiver, self._receive, self._receiver)

    def _receive(self, receiver: socket.socket) -> None:
        with suppress(BlockingIOError):
            while True:
                self._receive_one(receiver.recv(LONGEST_MESSAGE).decode())

    def _receive_one(self, message: str) -> None:
        name, _, text = message.partition(" ")
        if name == BELL:
            for heard in self._heard:
                heard(text)
        elif name in self._events:
            self._events[name].set()

    def _send(self, path: str, name: str) -> None:
        try:
            self._sender.sendto(name.encode(), path)
        except (ConnectionRefusedError, FileNotFoundError):
            # Its process died without closing, and its socket is never read again.
            Path(path).unlink(missing_ok=True)
        except BlockingIOError:
            pass
