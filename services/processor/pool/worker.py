"""What a job is handed in the child: what was made ready, and a line to the caller."""

from __future__ import annotations

import select
import time
from dataclasses import dataclass, field
from socket import socket
from typing import Any, Generic, TypeVar

from services.processor.pool.messages import Cancel, Progressed, pack, receive

Context = TypeVar("Context")
PROGRESS_SECONDS = 0.1


@dataclass(slots=True)
class Worker(Generic[Context]):
    """The first argument of every job."""

    context: Context
    """What the pool's `setup` returned, once for the life of the child."""
    threads: int
    """How many threads the job may keep busy."""
    burst_threads: int
    """How many where it is over in a moment: those that no other job needs, as it begins, are among them."""
    _connection: socket
    _cancelled: bool = False
    _progressed_at: float = field(default=float("-inf"))

    def progress(self, value: Any) -> None:
        """Tell the caller how far the job is; what follows too soon is left out."""
        now = time.monotonic()
        if now - self._progressed_at >= PROGRESS_SECONDS:
            self._progressed_at = now
            self._connection.sendall(pack(Progressed(value)))

    def is_cancelled(self) -> bool:
        """Whether the caller is no longer interested; a job that asks often enough is not killed for it."""
        while not self._cancelled and select.select([self._connection], [], [], 0)[0]:
            message = receive(self._connection)
            self._cancelled = message is None or isinstance(message, Cancel)
        return self._cancelled
