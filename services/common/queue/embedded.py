"""The queue on leases in the catalog's SQLite file."""

from __future__ import annotations

import asyncio
import secrets
import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta

from services.common.catalog.sqlite.database import SqliteDatabase
from services.common.queue import Claim, DeadLetter, Topic
from services.common.queue.notifier import Bell

SCHEMA = """
CREATE TABLE IF NOT EXISTS queue_messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    topic TEXT NOT NULL,
    body BLOB NOT NULL,
    attempt INTEGER NOT NULL,
    -- When it may be claimed: after its delay, and while it is claimed, when its lease ends.
    due_ns INTEGER NOT NULL,
    token TEXT NOT NULL,
    reason TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS queue_messages_due ON queue_messages (topic, due_ns);
CREATE TABLE IF NOT EXISTS queue_dead_letters (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    topic TEXT NOT NULL,
    body BLOB NOT NULL,
    reason TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS queue_dead_letters_topic ON queue_dead_letters (topic, id);
"""
LEASE_ENDED = "the lease ended: its holder was too slow, or died"


class EmbeddedQueue:
    """Messages are rows; a claim moves a row's due time to the end of its lease and gives it a new token."""

    def __init__(self, database: SqliteDatabase, bell: Bell, now_ns: Callable[[], int]) -> None:
        self._database = database
        self._bell = bell
        self._now_ns = now_ns

    @classmethod
    async def open(cls, database: SqliteDatabase, now_ns: Callable[[], int] = time.time_ns) -> EmbeddedQueue:
        """Makes the tables when missing."""

        def make(connection: sqlite3.Connection) -> None:
            for statement in SCHEMA.split(";"):
                connection.execute(statement)

        await database.write(make)
        return cls(database, Bell(database.path.with_name(f"{database.path.name}.bells")), now_ns)

    async def publish(self, topic: Topic, bodies: Sequence[bytes], *, delay: timedelta = timedelta()) -> None:
        """See the port."""
        due_ns = self._now_ns() + _nanoseconds(delay)
        rows = [(topic.name, body, due_ns) for body in bodies]
        await self._database.write(
            lambda connection: connection.executemany(
                "INSERT INTO queue_messages (topic, body, attempt, due_ns, token, reason) VALUES (?, ?, 0, ?, '', '')",
                rows,
            )
        )
        self._bell.ring(topic.name)

    async def claim(self, topic: Topic, *, limit: int, lease: timedelta, wait: timedelta) -> list[Claim]:
        """See the port."""
        give_up_ns = self._now_ns() + _nanoseconds(wait)
        rung = self._bell.listen(topic.name)
        while True:
            rung.clear()
            next_due_ns = await self._database.read(lambda connection: _next_due_ns(connection, topic))
            now_ns = self._now_ns()
            if next_due_ns is not None and next_due_ns <= now_ns:
                if claims := await self._database.write(lambda connection: self._take(connection, topic, limit, lease)):
                    return claims
                continue
            if now_ns >= give_up_ns:
                return []
            until_ns = give_up_ns if next_due_ns is None else min(give_up_ns, next_due_ns)
            with suppress(TimeoutError):
                await asyncio.wait_for(rung.wait(), max(0.001, (until_ns - now_ns) / 1e9))

    async def extend(self, claim: Claim, lease: timedelta) -> bool:
        """See the port."""
        due_ns = self._now_ns() + _nanoseconds(lease)
        return await self._change("UPDATE queue_messages SET due_ns = ?", (due_ns,), claim)

    async def acknowledge(self, claims: Sequence[Claim]) -> list[bool]:
        """See the port."""
        now_ns = self._now_ns()
        return await self._database.write(
            lambda connection: [_apply(connection, "DELETE FROM queue_messages", (), claim, now_ns) for claim in claims]
        )

    async def release(self, claim: Claim, *, reason: str, delay: timedelta = timedelta()) -> bool:
        """See the port."""
        if claim.attempt >= claim.topic.max_attempts:
            return await self.reject(claim, reason=reason)
        due_ns = self._now_ns() + _nanoseconds(delay)
        released = await self._change(
            "UPDATE queue_messages SET due_ns = ?, token = '', reason = ?", (due_ns, reason), claim
        )
        self._bell.ring(claim.topic.name)
        return released

    async def reject(self, claim: Claim, *, reason: str) -> bool:
        """See the port."""
        now_ns = self._now_ns()

        def bury(connection: sqlite3.Connection) -> bool:
            if not _apply(connection, "DELETE FROM queue_messages", (), claim, now_ns):
                return False
            _bury(connection, claim.topic, claim.body, reason)
            return True

        return await self._database.write(bury)

    async def depth(self, topic: Topic) -> int:
        """See the port."""
        found = await self._database.read(
            lambda connection: connection.execute(
                "SELECT count(*) FROM queue_messages WHERE topic = ?", (topic.name,)
            ).fetchone()
        )
        return int(found[0])

    async def dead_letters(self, topic: Topic, *, limit: int = 100) -> list[DeadLetter]:
        """See the port."""
        rows = await self._database.read(
            lambda connection: connection.execute(
                "SELECT body, reason, id FROM queue_dead_letters WHERE topic = ? ORDER BY id LIMIT ?",
                (topic.name, limit),
            ).fetchall()
        )
        return [DeadLetter(bytes(body), reason, str(number)) for body, reason, number in rows]

    async def revive(self, topic: Topic, *, limit: int = 100) -> int:
        """See the port."""
        due_ns = self._now_ns()

        def move(connection: sqlite3.Connection) -> int:
            rows = connection.execute(
                "SELECT id, body FROM queue_dead_letters WHERE topic = ? ORDER BY id LIMIT ?", (topic.name, limit)
            ).fetchall()
            connection.executemany(
                "INSERT INTO queue_messages (topic, body, attempt, due_ns, token, reason) VALUES (?, ?, 0, ?, '', '')",
                [(topic.name, body, due_ns) for _, body in rows],
            )
            connection.executemany("DELETE FROM queue_dead_letters WHERE id = ?", [(number,) for number, _ in rows])
            return len(rows)

        revived = await self._database.write(move)
        self._bell.ring(topic.name)
        return revived

    async def close(self) -> None:
        """See the port; the database is closed by whoever opened it."""
        self._bell.close()

    def _take(self, connection: sqlite3.Connection, topic: Topic, limit: int, lease: timedelta) -> list[Claim]:
        now_ns = self._now_ns()
        rows = connection.execute(
            "SELECT id, body, attempt, reason FROM queue_messages WHERE topic = ? AND due_ns <= ? "
            "ORDER BY due_ns, id LIMIT ?",
            (topic.name, now_ns, limit),
        ).fetchall()
        due_ns = now_ns + _nanoseconds(lease)
        claims = []
        for number, body, attempt, reason in rows:
            if attempt >= topic.max_attempts:
                connection.execute("DELETE FROM queue_messages WHERE id = ?", (number,))
                _bury(connection, topic, body, reason or LEASE_ENDED)
                continue
            secret = secrets.token_hex(8)
            connection.execute(
                "UPDATE queue_messages SET attempt = ?, due_ns = ?, token = ?, reason = '' WHERE id = ?",
                (attempt + 1, due_ns, secret, number),
            )
            claims.append(Claim(topic, bytes(body), attempt + 1, f"{number}.{secret}"))
        return claims

    async def _change(self, statement: str, values: tuple[object, ...], claim: Claim) -> bool:
        now_ns = self._now_ns()
        return await self._database.write(lambda connection: _apply(connection, statement, values, claim, now_ns))


def _apply(
    connection: sqlite3.Connection, statement: str, values: tuple[object, ...], claim: Claim, now_ns: int
) -> bool:
    """Runs a statement on the message of a claim whose lease lasts; False when it has ended."""
    number, _, secret = claim.token.partition(".")
    cursor = connection.execute(
        f"{statement} WHERE id = ? AND token = ? AND due_ns > ?", (*values, int(number), secret, now_ns)
    )
    return cursor.rowcount == 1


def _bury(connection: sqlite3.Connection, topic: Topic, body: bytes, reason: str) -> None:
    connection.execute(
        "INSERT INTO queue_dead_letters (topic, body, reason) VALUES (?, ?, ?)", (topic.name, body, reason)
    )


def _next_due_ns(connection: sqlite3.Connection, topic: Topic) -> int | None:
    found = connection.execute("SELECT min(due_ns) FROM queue_messages WHERE topic = ?", (topic.name,)).fetchone()
    return None if found[0] is None else int(found[0])


def _nanoseconds(length: timedelta) -> int:
    return length // timedelta(microseconds=1) * 1000
