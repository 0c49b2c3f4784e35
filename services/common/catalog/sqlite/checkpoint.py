"""Folds the write-ahead log back into the database file beside the writers, who would wait for it otherwise."""

from __future__ import annotations

import sqlite3
import threading
import time

from services.common.catalog.sqlite.locking import ProcessLock

_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 10.0
_FEW_ROWS = 1000
_LARGE_PAGES = 8000


class Checkpointer:
    """A thread that sleeps until something was written, and a little longer, so that many writes share a checkpoint.

    A checkpoint syncs twice, so a few rows do not cause one: they wait for more, though not for long.
    SQLite starts the log anew once all of it is folded back, which never comes while others write. When it has
    grown large, the last few pages are folded back with writers held off.
    """

    def __init__(self, connection: sqlite3.Connection, lock: ProcessLock) -> None:
        self._connection = connection
        self._lock = lock
        self._rows = 0
        self._checked = time.monotonic()
        self._written = threading.Event()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="checkpoint", daemon=True)
        self._thread.start()

    def note_write(self, rows: int) -> None:
        """So many rows were written."""
        self._rows += rows
        self._written.set()

    def close(self) -> None:
        """Ends the thread and closes its connection; what is in the log stays there for the next."""
        self._closing.set()
        self._written.set()
        self._thread.join()
        self._connection.close()
        self._lock.close()

    def _run(self) -> None:
        while self._written.wait() and not self._closing.wait(_PAUSE_SECONDS):
            if self._rows < _FEW_ROWS and time.monotonic() - self._checked < _LONGEST_PAUSE_SECONDS:
                continue
            self._written.clear()
            self._rows = 0
            self._checked = time.monotonic()
            if self._closing.is_set():
                # `close` began between the lines above, and what it noted is cleared.
                return
            try:
                self._checkpoint()
            except (OSError, sqlite3.OperationalError):
                # No room, or a missing file: the log keeps everything, and the next write raises the error.
                continue

    def _checkpoint(self) -> None:
        if self._fold_back() > _LARGE_PAGES:
            self._fold_back()
            with self._lock:
                self._fold_back()

    def _fold_back(self) -> int:
        ((_, log_pages, _),) = self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        return int(log_pages)
