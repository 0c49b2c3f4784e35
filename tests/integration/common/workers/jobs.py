"""Jobs that tests run in children."""

from __future__ import annotations

import ctypes
import os
import signal
import time
from pathlib import Path
from typing import cast

from services.common.media.refusals import DamagedMedia
from services.common.workers.jobs import job
from services.common.workers.worker import Worker


@job
def greet(threads: int) -> str:
    return f"{threads} threads in {os.getpid()}"


@job
def setup_breaks(threads: int) -> str:
    raise DamagedMedia("jpeg", f"not with {threads} threads")


@job
def context(worker: Worker[str]) -> str:
    return worker.context


@job
def burst_threads(worker: Worker[str]) -> int:
    return worker.burst_threads


@job
def pid(_worker: Worker[str]) -> int:
    return os.getpid()


@job
def add(_worker: Worker[str], one: int, other: int) -> int:
    return one + other


@job
def echo(_worker: Worker[str], content: bytes) -> bytes:
    return content


@job
def refuse(_worker: Worker[str]) -> None:
    raise DamagedMedia("png", "it has no pixels")


@job
def unsendable(_worker: Worker[str]) -> int:
    return cast(int, object())


@job
def crash(_worker: Worker[str]) -> None:
    ctypes.string_at(0)


@job
def leave(_worker: Worker[str]) -> None:
    os._exit(3)


@job
def divide(_worker: Worker[str], number: int, by: int) -> float:
    return number / by


@job
def hang(_worker: Worker[str], started: Path | None = None) -> None:
    if started is not None:
        started.write_text(str(os.getpid()))
    while True:
        time.sleep(60)


@job
def hog(_worker: Worker[str], size_bytes: int) -> int:
    return len(bytearray(size_bytes))


@job
def count(worker: Worker[str], most: int, stopped: Path) -> int:
    """Counts until it is cancelled, and says so."""
    for number in range(most):
        worker.progress(number, most)
        if worker.is_cancelled():
            stopped.write_text(f"stopped in {os.getpid()}")
            return number
        time.sleep(0.005)
    return most


@job
def wait_for(_worker: Worker[str], path: Path) -> int:
    while not path.exists():
        time.sleep(0.005)
    return os.getpid()


@job
def orphan(_worker: Worker[str]) -> None:
    """Kills the parent of this child: the process that runs the pool."""
    os.kill(os.getppid(), signal.SIGKILL)
    time.sleep(60)
