"""What parent and child tell each other: pickled messages, each behind its length."""

from __future__ import annotations

import pickle
import struct
from asyncio import IncompleteReadError, StreamReader
from collections.abc import Callable
from dataclasses import dataclass
from socket import socket
from typing import Any, TypeAlias

_LENGTH = struct.Struct(">Q")


@dataclass(frozen=True, slots=True)
class Start:
    """The first message to a child: how it lives, and what it makes ready once."""

    setup: Callable[[int], Any]
    threads: int
    memory_limit_bytes: int


@dataclass(frozen=True, slots=True)
class Run:
    """A job; only one at a time."""

    function: Callable[..., Any]
    args: tuple[Any, ...]
    burst_threads: int = 1


@dataclass(frozen=True, slots=True)
class Cancel:
    """The job in progress is no longer wanted."""


@dataclass(frozen=True, slots=True)
class Ready:
    """The child waits for jobs."""


@dataclass(frozen=True, slots=True)
class Progressed:
    """How far the job is, in its own terms."""

    value: Any


@dataclass(frozen=True, slots=True)
class Done:
    """The job's result."""

    result: Any


@dataclass(frozen=True, slots=True)
class Failed:
    """The job's exception, in parts: an exception whose constructor takes more than its message does not pickle."""

    kind: type[BaseException]
    args: tuple[Any, ...]
    state: dict[str, Any]

    @classmethod
    def of(cls, error: BaseException) -> Failed:
        """Take an exception apart; one that cannot travel becomes a RuntimeError that tells of it."""
        failed = cls(type(error), error.args, dict(error.__dict__))
        try:
            pickle.loads(pickle.dumps(failed))  # noqa: S301 - these bytes were made in the same line
        except Exception:  # noqa: BLE001 - whatever __reduce__ of foreign types may raise
            return cls(RuntimeError, (f"{type(error).__name__}: {error}",), {})
        return failed

    def error(self) -> BaseException:
        """The exception put together again."""
        error = self.kind.__new__(self.kind, *self.args)
        error.args = self.args
        error.__dict__.update(self.state)
        return error


@dataclass(frozen=True, slots=True)
class OutOfMemory:
    """The job ran into the memory limit; the child ends itself."""


Message: TypeAlias = Start | Run | Cancel | Ready | Progressed | Done | Failed | OutOfMemory


def pack(message: Message) -> bytes:
    """A message as it travels."""
    payload = pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL)
    return _LENGTH.pack(len(payload)) + payload


def receive(connection: socket) -> Message | None:
    """Wait for a message, in a child; None once the parent is gone."""
    head = _receive_exactly(connection, _LENGTH.size)
    if head is None:
        return None
    payload = _receive_exactly(connection, _LENGTH.unpack(head)[0])
    return None if payload is None else _unpack(payload)


async def read(reader: StreamReader) -> Message | None:
    """Wait for a message, in the parent; None once the child is gone."""
    try:
        (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
        return _unpack(await reader.readexactly(length))
    except (IncompleteReadError, ConnectionError):
        return None


def _unpack(payload: bytes | bytearray) -> Message:
    message: Message = pickle.loads(payload)  # noqa: S301 - only the other end of our own socket pair writes here
    return message


def _receive_exactly(connection: socket, size: int) -> bytearray | None:
    received = bytearray(size)
    view = memoryview(received)
    while view:
        count = connection.recv_into(view)
        if count == 0:
            return None
        view = view[count:]
    return received
