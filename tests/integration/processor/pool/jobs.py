"""Jobs that tests run in children."""

from __future__ import annotations

import ctypes
import os
import signal
import time
from pathlib import Path

from services.processor.images.errors import PictureUnreadable
from services.processor.pool.worker import Worker


def greet(threads: int) -> str:
    return f"{threads} threads in {os.getpid()}"


def setup_breaks(threads: int) -> str:
    raise PictureUnreadable("jpeg", f"not with {threads} threads")


def context(worker: Worker[str]) -> str:
    return worker.context


def burst_threads(worker: Worker[str]) -> int:
    return worker.burst_threads


def pid(_worker: Worker[str]) -> int:
    return os.getpid()


def add(_worker: Worker[str], one: int, other: int) -> int:
    return one + other


def echo(_worker: Worker[str], content: bytes) -> bytes:
    return content


def refuse(_worker: Worker[str]) -> None:
    raise PictureUnreadable("png", "it has no pixels")


def unsendable(_worker: Worker[str]) -> object:
    return lambda: None


def crash(_worker: Worker[str]) -> None:
    ctypes.string_at(0)


def leave(_worker: Worker[str]) -> None:
    os._exit(3)


def hang(_worker: Worker[str], started: Path | None = None) -> None:
    if started is not None:
        started.write_text(str(os.getpid()))
    while True:
        time.sleep(60)


def hog(_worker: Worker[str], size_bytes: int) -> int:
    return len(bytearray(size_bytes))


def count(worker: Worker[str], most: int, stopped: Path) -> int:
    """Counts until it is cancelled, and says so."""
    for number in range(most):
        worker.progress(number)
        if worker.is_cancelled():
            stopped.write_text(f"stopped in {os.getpid()}")
            return number
        time.sleep(0.005)
    return most


def wait_for(_worker: Worker[str], path: Path) -> int:
    while not path.exists():
        time.sleep(0.005)
    return os.getpid()


def orphan(_worker: Worker[str]) -> None:
    """Kills the parent of this child: the process that runs the pool."""
    os.kill(os.getppid(), signal.SIGKILL)
    time.sleep(60)
