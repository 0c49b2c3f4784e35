"""How evenly processes share a lock, and how long they wait: the process lock, flock, SQLite, filelock."""

from __future__ import annotations

import argparse
import fcntl
import multiprocessing
import os
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from importlib import import_module
from importlib.util import find_spec
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from services.common.catalog.sqlite.locking import ProcessLock

KINDS = ("process lock", "flock", "sqlite", "filelock")
BUSY_SECONDS = 60.0


def main() -> int:
    """Lets processes that are always busy compete for each lock, and prints how long each waited."""
    parser = argparse.ArgumentParser(prog="scripts/bench process_lock", description=__doc__)
    parser.add_argument("--processes", type=int, default=3, help="how many compete (3)")
    parser.add_argument("--seconds", type=float, default=5.0, help="for how long (5)")
    parser.add_argument("--hold", type=float, default=2.0, help="milliseconds for which each holds the lock (2)")
    arguments = parser.parse_args()
    print(f"{'':13} {'holds/s':>8} {'least / most of one process':>28} {'wait p99':>11} {'worst':>11} {'CPU s':>7}")
    for kind in KINDS:
        if kind == "filelock" and find_spec("filelock") is None:
            print("filelock      not installed (pip install filelock)")
            continue
        with tempfile.TemporaryDirectory(prefix="dropmesh-") as folder:
            waits, cpu = _compete(kind, Path(folder), arguments)
        counts = [len(own) for own in waits]
        every = [wait for own in waits for wait in own]
        print(
            f"{kind:13} {sum(counts) / arguments.seconds:8.0f} {f'{min(counts)} / {max(counts)}':>28}"
            f" {statistics.quantiles(every, n=100)[98]:8.1f} ms {max(every):8.1f} ms {cpu:7.2f}"
        )
    return 0


def _compete(kind: str, folder: Path, arguments: argparse.Namespace) -> tuple[list[list[float]], float]:
    context = multiprocessing.get_context("spawn")
    pipes = [context.Pipe() for _ in range(arguments.processes)]
    for _, there in pipes:
        context.Process(
            target=_hold_again_and_again, args=(kind, folder, arguments.hold, arguments.seconds, there), daemon=True
        ).start()
    for here, _ in pipes:
        here.recv()
    for here, _ in pipes:
        here.send("go")
    answers = [here.recv() for here, _ in pipes]
    return [waits for waits, _ in answers], sum(cpu for _, cpu in answers)


def _hold_again_and_again(kind: str, folder: Path, hold_ms: float, seconds: float, answers: Connection) -> None:
    lock, waits = _lock(kind, folder), []
    answers.send("ready")
    answers.recv()
    cpu, ends = time.process_time(), time.monotonic() + seconds
    while (began := time.monotonic()) < ends:
        with lock:
            waits.append(1000 * (time.monotonic() - began))
            time.sleep(hold_ms / 1000)
    answers.send((waits, time.process_time() - cpu))


def _lock(kind: str, folder: Path) -> AbstractContextManager[Any]:
    if kind == "process lock":
        return ProcessLock(folder / "catalog")
    if kind == "filelock":
        lock: AbstractContextManager[Any] = import_module("filelock").FileLock(folder / "catalog.lock")
        return lock
    return _Again(_flock(folder) if kind == "flock" else _transaction(folder))


class _Again:
    """Enters a fresh context each time."""

    def __init__(self, contexts: Iterator[AbstractContextManager[None]]) -> None:
        self._contexts = contexts

    def __enter__(self) -> None:
        self._current = next(self._contexts)
        self._current.__enter__()

    def __exit__(self, *error: object) -> None:
        self._current.__exit__(None, None, None)


def _flock(folder: Path) -> Iterator[AbstractContextManager[None]]:
    file = os.open(folder / "catalog.lock", os.O_RDWR | os.O_CREAT, 0o600)

    @contextmanager
    def held() -> Iterator[None]:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
        fcntl.flock(file, fcntl.LOCK_UN)

    while True:
        yield held()


def _transaction(folder: Path) -> Iterator[AbstractContextManager[None]]:
    """SQLite's own lock and its busy handler, which sleeps longer and longer between two tries."""
    database = sqlite3.connect(folder / "catalog", timeout=BUSY_SECONDS, isolation_level=None)
    database.execute("PRAGMA journal_mode=WAL")

    @contextmanager
    def held() -> Iterator[None]:
        database.execute("BEGIN IMMEDIATE")
        yield
        database.execute("COMMIT")

    while True:
        yield held()


if __name__ == "__main__":
    sys.exit(main())
