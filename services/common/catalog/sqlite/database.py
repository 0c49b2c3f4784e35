"""One SQLite file for many callers and processes: all that is waiting to be written shares a durable commit."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, BinaryIO, TypeVar

from services.common.base.errors import StoreCorrupt, StoreFull, StoreUnavailable
from services.common.catalog.sqlite.checkpoint import Checkpointer
from services.common.catalog.sqlite.locking import ProcessLock
from services.common.catalog.sqlite.log_damage import lost_transactions

T = TypeVar("T")
Function = Callable[[sqlite3.Connection], T]

_STORE = "catalog"
_BUSY_SECONDS = 10.0
_SWITCH_SECONDS = 0.0005
_JOURNAL_BYTES = 64 << 20
# An extended code of SQLite has the primary one in its last byte.
_PRIMARY = 0xFF
_CORRUPT = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


class SqliteDatabase:
    """A database file in WAL mode, with one writing thread; it belongs to the event loop that opened it.

    Acknowledged means durable: `write` returns after the fsync of the transaction that holds what its function did. A
    write that is not `durable` survives the end of any process, and a power cut once a later write is durable. Reads
    see every acknowledged write, by any process.
    """

    def __init__(self, path: Path, connections: _Connections) -> None:
        self.path = path
        self.damage: StoreCorrupt | None = None
        """The damage of the file, once a read or a write has met it; only a restart forgets it."""
        self._writer = connections.writer
        self._reader = connections.reader
        self._lock = connections.lock
        self._index = connections.index
        self._checkpointer = Checkpointer(connections.checkpointing, connections.checkpoint_lock)
        self._loop = asyncio.get_running_loop()
        self._waiting: SimpleQueue[_Write | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._write_until_closed, name=f"write {path.name}", daemon=True)
        self._closed = False
        self._is_durable = True
        self._thread.start()

    @classmethod
    async def open(cls, path: Path) -> SqliteDatabase:
        """Opens the file, making it and its folder when missing."""
        return cls(path, await asyncio.to_thread(_open, path))

    async def write(self, function: Function[T], *, durable: bool = True) -> T:
        """Runs a function in the next transaction, beside those of others; what it returns is returned once durable.

        The function runs in the writing thread and must not begin or end transactions. What it did is undone when
        it raises, and its caller alone gets the exception. It may be run again from the start, so nothing but
        the connection may remember that it ran.
        """
        result: T = await self.submit(function, durable=durable)
        return result

    def submit(self, function: Function[Any], *, durable: bool | Callable[[], bool] = True) -> asyncio.Future[Any]:
        """Like `write`, without waiting; the writing thread asks a function for `durable` before the transaction."""
        if self._closed:
            raise StoreUnavailable(_STORE, f"{self.path} was closed")
        future: asyncio.Future[Any] = self._loop.create_future()
        self._waiting.put(_Write(function, future, durable if callable(durable) else lambda: durable))
        return future

    async def read(self, function: Function[T]) -> T:
        """Runs a reading function at once, on the event loop: a look-up costs less than handing it to a thread.

        The function must be short and must not leave a cursor open: a long scan is cut into pages.
        """
        return self.look(function)

    def look(self, function: Function[T]) -> T:
        """Like `read`, for callers that wait for nothing."""
        if self._closed:
            raise StoreUnavailable(_STORE, f"{self.path} was closed")
        try:
            return function(self._reader)
        except sqlite3.Error as error:
            raise self._noted(error) from error

    def state(self) -> int:
        """A number that is another one after every transaction that wrote, by any process."""
        # Written is by another connection than the one that reads, also in this process.
        ((version,),) = self.look(lambda connection: connection.execute("PRAGMA data_version").fetchall())
        return int(version)

    async def close(self) -> None:
        """Waits for writes under way, then closes the file."""
        if self._closed:
            return
        self._closed = True
        self._waiting.put(None)
        await asyncio.to_thread(self._thread.join)
        # Futures are set by callbacks that the thread has left on this loop.
        await asyncio.sleep(0)
        self._reader.close()
        await asyncio.to_thread(self._close_writer)

    def _close_writer(self) -> None:
        self._checkpointer.close()
        # The last connection folds the WAL back into the file: alone, so that no other process sees it half closed.
        with self._lock:
            self._writer.close()
        self._lock.close()
        self._index.close()

    def _write_until_closed(self) -> None:
        more = True
        while more:
            group, more = self._gather()
            if group:
                rows = self._writer.total_changes
                results = self._commit(group)
                self._loop.call_soon_threadsafe(_deliver, group, results)
                self._checkpointer.note_write(self._writer.total_changes - rows)

    def _gather(self) -> tuple[list[_Write], bool]:
        write = self._waiting.get()
        group: list[_Write] = []
        with suppress(Empty):
            while write is not None:
                group.append(write)
                write = self._waiting.get_nowait()
            return group, False
        return group, True

    def _commit(self, group: list[_Write]) -> list[Any]:
        try:
            with self._lock:
                try:
                    return self._transact(group, _run_all)
                except Exception as error:  # noqa: BLE001 - it belongs to a caller
                    if len(group) == 1:
                        return [_Raised(self._noted(error))]
                    return self._transact(group, self._run_each)
        except Exception as error:  # noqa: BLE001 - it belongs to the callers
            return [_Raised(self._noted(error))] * len(group)

    def _transact(self, group: list[_Write], run: Callable[[sqlite3.Connection, list[_Write]], list[Any]]) -> list[Any]:
        connection = self._writer
        self._set_durable(any(write.durable() for write in group))
        connection.execute("BEGIN IMMEDIATE")
        try:
            results = run(connection, group)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        return results

    def _noted(self, error: Exception) -> Exception:
        translated = _translated(error, self.path)
        if isinstance(translated, StoreCorrupt):
            self.damage = translated
        return translated

    def _set_durable(self, durable: bool) -> None:
        if durable is not self._is_durable:
            # With NORMAL a commit is appended to the log, which the next commit with FULL syncs as a whole.
            self._writer.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
            self._is_durable = durable

    def _run_each(self, connection: sqlite3.Connection, group: list[_Write]) -> list[Any]:
        results: list[Any] = []
        for write in group:
            connection.execute("SAVEPOINT one")
            try:
                results.append(write.function(connection))
            except Exception as error:
                if not connection.in_transaction:
                    raise
                connection.execute("ROLLBACK TO one")
                results.append(_Raised(self._noted(error)))
            connection.execute("RELEASE one")
        return results


@dataclass(frozen=True, slots=True)
class _Connections:
    writer: sqlite3.Connection
    reader: sqlite3.Connection
    checkpointing: sqlite3.Connection
    lock: ProcessLock
    checkpoint_lock: ProcessLock
    index: BinaryIO


class _Write:
    __slots__ = ("durable", "function", "future")

    def __init__(self, function: Function[Any], future: asyncio.Future[Any], durable: Callable[[], bool]) -> None:
        self.function = function
        self.future = future
        self.durable = durable


class _Raised:
    __slots__ = ("error",)

    def __init__(self, error: Exception) -> None:
        self.error = error


def _run_all(connection: sqlite3.Connection, group: list[_Write]) -> list[Any]:
    return [write.function(connection) for write in group]


def _deliver(group: list[_Write], results: list[Any]) -> None:
    for write, result in zip(group, results, strict=True):
        future = write.future
        if future.done():
            continue
        if type(result) is _Raised:
            future.set_exception(result.error)
        else:
            future.set_result(result)


def _open(path: Path) -> _Connections:
    # A commit ends in the writing thread, which then waits for a busy event loop to let go of the interpreter: Python's
    # 5 ms of patience would be added to every transaction, with the lock held.
    sys.setswitchinterval(min(sys.getswitchinterval(), _SWITCH_SECONDS))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = ProcessLock(path)
        with lock:
            writer = _connect(path, cache_kilobytes=8000)
            writer.execute("PRAGMA wal_autocheckpoint=0")
            checkpointing = _connect(path, cache_kilobytes=100)
            reader = _connect(path, cache_kilobytes=4000)
            reader.execute("PRAGMA query_only=ON")
            reader.execute("SELECT 1 FROM sqlite_master").fetchone()
            index = path.with_name(f"{path.name}-shm").open("rb")
            if lost := lost_transactions(path, index):
                index.close()
                raise StoreCorrupt(
                    _STORE, f"{path}-wal is damaged, and {lost} acknowledged writes behind the damage cannot be read"
                )
    except (OSError, sqlite3.Error) as error:
        raise _translated(error, path) from error
    return _Connections(writer, reader, checkpointing, lock, ProcessLock(path), index)


def _connect(path: Path, cache_kilobytes: int) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA temp_store=MEMORY")
    connection.execute(f"PRAGMA journal_size_limit={_JOURNAL_BYTES}")
    connection.execute(f"PRAGMA cache_size=-{cache_kilobytes}")
    return connection


def _translated(error: Exception, path: Path) -> Exception:
    if isinstance(error, OSError):
        return StoreUnavailable(_STORE, f"{path}: {error}")
    code = getattr(error, "sqlite_errorcode", None)
    if code is None or code == sqlite3.SQLITE_ERROR or isinstance(error, sqlite3.IntegrityError):
        return error
    if code & _PRIMARY in _CORRUPT:
        return StoreCorrupt(_STORE, f"{path}: {error}")
    return StoreFull(_STORE) if code == sqlite3.SQLITE_FULL else StoreUnavailable(_STORE, f"{path}: {error}")
