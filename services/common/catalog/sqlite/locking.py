"""A lock between processes whose waiters sleep in the kernel and are served in turn."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from types import TracebackType


class ProcessLock:
    """Held by one process at a time and freed by the kernel when its holder dies.

    A waiter holds the turn while it waits, and a process that releases the lock needs the turn to take it again: a busy
    process cannot keep the lock from the others. One thread at a time may use an instance.
    """

    def __init__(self, path: Path) -> None:
        self._lock = _open(path.with_name(f"{path.name}.lock"))
        self._turn = _open(path.with_name(f"{path.name}.turn"))

    def __enter__(self) -> None:
        fcntl.flock(self._turn, fcntl.LOCK_EX)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX)
        finally:
            fcntl.flock(self._turn, fcntl.LOCK_UN)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        fcntl.flock(self._lock, fcntl.LOCK_UN)

    def close(self) -> None:
        """Lets go of the files."""
        os.close(self._lock)
        os.close(self._turn)


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
