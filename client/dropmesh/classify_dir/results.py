"""The results file: SQLite with the tables runs, images and results. A write is durable once it was awaited."""

from __future__ import annotations

import asyncio
import fcntl
import os
import sqlite3
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from dropmesh.classify_dir.messages import Reply
from dropmesh.classify_dir.pictures import Broken, Found, Picture

Result = TypeVar("Result")
Work: TypeAlias = Callable[[sqlite3.Connection], Any]

SCHEMA = """
CREATE TABLE IF NOT EXISTS runs (
    id INTEGER PRIMARY KEY, platform TEXT NOT NULL, folder TEXT NOT NULL, profile TEXT NOT NULL,
    started_at TEXT NOT NULL, ended_at TEXT, outcome TEXT
) STRICT;
CREATE TABLE IF NOT EXISTS images (
    id TEXT PRIMARY KEY, path TEXT NOT NULL, sha256 TEXT NOT NULL, size_bytes INTEGER NOT NULL,
    modified_ns INTEGER NOT NULL, content_type TEXT, width INTEGER, height INTEGER,
    state TEXT NOT NULL CHECK (state IN ('FOUND', 'SENT', 'DONE', 'FAILED')), attempts INTEGER NOT NULL DEFAULT 0,
    run INTEGER NOT NULL REFERENCES runs, found_at TEXT NOT NULL, sent_at TEXT, ended_at TEXT
) STRICT;
CREATE TABLE IF NOT EXISTS results (
    image TEXT NOT NULL REFERENCES images, rank INTEGER NOT NULL, label TEXT, score REAL, model TEXT,
    model_seconds REAL, reply_seconds REAL, error TEXT, stored_at TEXT NOT NULL, PRIMARY KEY (image, rank)
) STRICT;
CREATE INDEX IF NOT EXISTS images_by_path ON images (path);
"""


class ResultsInUse(Exception):
    """Another run writes to the results file."""


class ResultsUnusable(Exception):
    """The results file cannot be opened as one."""


@dataclass(frozen=True, slots=True)
class Unanswered:
    """An image that an earlier run sent, and whose reply is not stored."""

    id: str
    path: str
    attempts: int
    sent_at: datetime


@dataclass(frozen=True, slots=True)
class Outcomes:
    """How many of the files that a run found have labels or an error, from it or from an earlier run."""

    found: int
    done_before: int
    failed_before: int
    done: int
    failed: int
    labels: Counter[str]
    """How many have a label as their most certain one."""

    @property
    def unanswered(self) -> int:
        """Those that have neither, since the run was stopped."""
        return self.found - self.done_before - self.failed_before - self.done - self.failed


class Results:
    """Writes to the results file; writes that wait at the same time share one commit."""

    def __init__(self, path: Path, now: Callable[[], datetime]) -> None:
        self._now = now
        self._run = 0
        self._pending: list[tuple[Work, asyncio.Future[Any]]] = []
        self._flushing: asyncio.Task[None] | None = None
        try:
            # Kept open to the end: closing it would also drop SQLite's own locks on the file.
            self._lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ResultsInUse(f"results: another run writes to {path}") from None
        except OSError as error:
            raise ResultsUnusable(f"results: {path} cannot be written ({error.strerror})") from None
        try:
            self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = FULL")
            self._connection.executescript(SCHEMA)
        except sqlite3.DatabaseError as error:
            raise ResultsUnusable(f"results: {path} is not a results file ({error})") from None

    def begin(self, folder: Path, profile: str, platform: str) -> str:
        """Starts a run; returns the platform's id, which an earlier run may have set."""
        found = self._connection.execute("SELECT platform FROM runs ORDER BY id LIMIT 1").fetchone()
        platform = found[0] if found else platform
        cursor = self._connection.execute(
            "INSERT INTO runs (platform, folder, profile, started_at) VALUES (?, ?, ?, ?)",
            (platform, str(folder), profile, self._text_now()),
        )
        self._run = cursor.lastrowid or 0
        return platform

    def known(self) -> dict[str, tuple[int, int]]:
        """The files that need not be read again: sizes and times of change, by path."""
        rows = self._connection.execute("SELECT path, size_bytes, modified_ns FROM images WHERE state <> 'FOUND'")
        return {path: (size, modified) for path, size, modified in rows}

    def unanswered(self) -> list[Unanswered]:
        """Images that earlier runs sent and that have no reply yet."""
        rows = self._connection.execute(
            "SELECT id, path, attempts, sent_at FROM images WHERE state = 'SENT' ORDER BY sent_at"
        )
        return [Unanswered(name, path, attempts, datetime.fromisoformat(sent)) for name, path, attempts, sent in rows]

    def forget_failures(self) -> int:
        """Makes failed images look new; returns how many."""
        with self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.execute("DELETE FROM results WHERE error IS NOT NULL")
            return self._connection.execute(
                "UPDATE images SET state = 'FOUND', attempts = 0 WHERE state = 'FAILED'"
            ).rowcount

    def outcomes(self, files: Mapping[str, tuple[int, int]]) -> Outcomes:
        """The outcomes of files of these sizes and times of change, by path."""
        rows = self._connection.execute(
            "SELECT path, size_bytes, modified_ns, state, "
            "ended_at < (SELECT started_at FROM runs WHERE id = ?), label "
            "FROM images LEFT JOIN results ON image = id AND rank = 1 WHERE state IN ('DONE', 'FAILED')",
            (self._run,),
        )
        ends, labels = Counter[tuple[str, int]](), Counter[str]()
        for path, size, modified, state, is_earlier, label in rows:
            if files.get(path) == (size, modified):
                ends[state, is_earlier] += 1
                if state == "DONE":
                    labels[label] += 1
        return Outcomes(
            found=len(files),
            done_before=ends["DONE", 1],
            failed_before=ends["FAILED", 1],
            done=ends["DONE", 0],
            failed=ends["FAILED", 0],
            labels=labels,
        )

    async def add(self, found: Found, picture: Picture | Broken) -> str:
        """Stores a found image, a broken one with its error; returns its state, which may be an earlier run's."""

        def work(connection: sqlite3.Connection) -> str:
            now = self._text_now()
            connection.execute(
                "INSERT INTO images (id, path, sha256, size_bytes, modified_ns, state, run, found_at) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE "
                # A file that cannot be read has one id at any size.
                "SET size_bytes = excluded.size_bytes, modified_ns = excluded.modified_ns",
                (
                    picture.id,
                    picture.name,
                    picture.sha256,
                    found.size_bytes,
                    found.modified_ns,
                    "FOUND",
                    self._run,
                    now,
                ),
            )
            if isinstance(picture, Picture):
                connection.execute(
                    "UPDATE images SET content_type = ?, width = ?, height = ? WHERE id = ?",
                    (picture.content_type, picture.width, picture.height, picture.id),
                )
            else:
                self._fail(connection, picture.id, picture.reason)
            (state,) = connection.execute("SELECT state FROM images WHERE id = ?", (picture.id,)).fetchone()
            return str(state)

        return await self._do(work)

    async def sent(self, image_id: str, attempts: int) -> None:
        """Notes that RabbitMQ has an image; a reply may have been stored before."""

        def work(connection: sqlite3.Connection) -> None:
            connection.execute(
                "UPDATE images SET attempts = ?, sent_at = ?, state = iif(state = 'FOUND', 'SENT', state) WHERE id = ?",
                (attempts, self._text_now(), image_id),
            )

        await self._do(work)

    async def fail(self, image_id: str, error: str) -> None:
        """Stores that an image has no labels, and why."""
        await self._do(lambda connection: self._fail(connection, image_id, error))

    async def store(self, reply: Reply, reply_seconds: float | None) -> bool:
        """Stores a reply; False when the image is unknown or has its labels already."""

        def work(connection: sqlite3.Connection) -> bool:
            row = connection.execute("SELECT state FROM images WHERE id = ?", (reply.image_id,)).fetchone()
            if row is None or row[0] == "DONE":
                return False
            if reply.error is not None:
                self._fail(connection, reply.image_id, reply.error)
                return True
            now = self._text_now()
            elapsed = None if reply.elapsed is None else reply.elapsed.total_seconds()
            # A reply that comes after the image was given up takes the place of the error.
            connection.execute("DELETE FROM results WHERE image = ?", (reply.image_id,))
            connection.executemany(
                "INSERT INTO results (image, rank, label, score, model, model_seconds, reply_seconds, stored_at) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (reply.image_id, rank, label.label, label.score, reply.model, elapsed, reply_seconds, now)
                    for rank, label in enumerate(reply.labels, 1)
                ],
            )
            connection.execute("UPDATE images SET state = 'DONE', ended_at = ? WHERE id = ?", (now, reply.image_id))
            return True

        return await self._do(work)

    async def close(self, outcome: str) -> None:
        """Ends the run and closes the file, with nothing left beside it."""
        await self._do(
            lambda connection: connection.execute(
                "UPDATE runs SET ended_at = ?, outcome = ? WHERE id = ?", (self._text_now(), outcome, self._run)
            )
        )
        self._connection.execute("PRAGMA journal_mode = DELETE")
        self._connection.close()
        os.close(self._lock)

    def _fail(self, connection: sqlite3.Connection, image_id: str, error: str) -> None:
        now = self._text_now()
        failed = connection.execute(
            "UPDATE images SET state = 'FAILED', ended_at = ? WHERE id = ? AND state <> 'DONE'", (now, image_id)
        )
        if failed.rowcount:
            connection.execute(
                "INSERT INTO results (image, rank, error, stored_at) VALUES (?, 1, ?, ?) "
                "ON CONFLICT (image, rank) DO UPDATE SET error = excluded.error",
                (image_id, error, now),
            )

    async def _do(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        done: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._pending.append((work, done))
        if self._flushing is None or self._flushing.done():
            self._flushing = asyncio.create_task(self._flush())
        return await done

    async def _flush(self) -> None:
        while self._pending:
            batch, self._pending = self._pending, []
            try:
                answers = await asyncio.to_thread(self._commit, [work for work, _ in batch])
            except Exception as error:  # noqa: BLE001 - it is raised where the work was asked for
                for _, done in batch:
                    if not done.done():
                        done.set_exception(error)
            else:
                for (_, done), answer in zip(batch, answers, strict=True):
                    if not done.done():
                        done.set_result(answer)

    def _commit(self, works: Sequence[Work]) -> list[Any]:
        with self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            return [work(self._connection) for work in works]

    def _text_now(self) -> str:
        return self._now().isoformat(timespec="milliseconds")
