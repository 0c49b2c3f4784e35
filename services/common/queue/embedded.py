"""The queue on leases in the catalog's SQLite file."""

from __future__ import annotations

import asyncio
import secrets
import sqlite3
import time
from collections.abc import Callable, Collection, Sequence
from datetime import timedelta

from services.common.base.instants import SECOND_NS, to_ns
from services.common.base.loops import pause
from services.common.catalog.sqlite.database import SqliteDatabase
from services.common.queue import LEASE_ENDED, Claim, DeadLetter, Topic
from services.common.queue.bell import Bell
from services.common.queue.notifier import Notifier

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
    reason TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    dead_since_ns INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS queue_dead_letters_topic ON queue_dead_letters (topic, id);
"""
# No lease and no delay is as long. A message that is due later has its time from a clock that was set back since.
LONGEST_WAIT = timedelta(minutes=15)
# Columns that files of 0.1.0 lack.
ADDED = (
    "ALTER TABLE queue_dead_letters ADD COLUMN attempts INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE queue_dead_letters ADD COLUMN dead_since_ns INTEGER NOT NULL DEFAULT 0",
)


class EmbeddedQueue:
    """Messages are rows; a claim moves a row's due time to the end of its lease and gives it a new token."""

    def __init__(self, database: SqliteDatabase, notifier: Notifier, now_ns: Callable[[], int]) -> None:
        self._database = database
        self._notifier = notifier
        self._now_ns = now_ns

    @classmethod
    async def open(cls, database: SqliteDatabase, now_ns: Callable[[], int] = time.time_ns) -> EmbeddedQueue:
        """Makes the tables when missing."""

        def make(connection: sqlite3.Connection) -> None:
            for statement in SCHEMA.split(";"):
                connection.execute(statement)
            if len(connection.execute("PRAGMA table_info(queue_dead_letters)").fetchall()) == 4:
                for statement in ADDED:
                    connection.execute(statement)

        await database.write(make)
        return cls(database, Notifier(database.path.with_name(f"{database.path.name}.wake")), now_ns)

    async def publish(
        self, topic: Topic, bodies: Sequence[bytes], *, delay: timedelta = timedelta(), swept: bool = False
    ) -> None:
        """See the port."""
        due_ns = self._now_ns() + to_ns(delay)
        await self._database.write(lambda connection: _insert(connection, topic, bodies, due_ns), durable=not swept)
        self._notifier.notify(topic.name)

    async def claim(self, topic: Topic, *, limit: int, lease: timedelta, wait: timedelta) -> list[Claim]:
        """See the port."""
        # The loop's time: setting the machine's clock makes no wait longer or shorter.
        clock = asyncio.get_running_loop().time
        give_up = clock() + wait.total_seconds()
        notified = self._notifier.event(topic.name)
        while True:
            notified.clear()
            next_due_ns, last_due_ns = await self._database.read(lambda connection: _due_ns(connection, topic))
            now_ns = self._now_ns()
            if last_due_ns is not None and last_due_ns > now_ns + to_ns(LONGEST_WAIT):
                await self._database.write(lambda connection: self._make_due(connection, topic), durable=False)
                continue
            if next_due_ns is not None and next_due_ns <= now_ns:
                if claims := await self._taken(topic, limit, lease):
                    return claims
                continue
            left = give_up - clock()
            if left <= 0:
                return []
            until_due = left if next_due_ns is None else (next_due_ns - now_ns) / SECOND_NS
            await pause(max(0.001, min(left, until_due)), notified)

    async def _taken(self, topic: Topic, limit: int, lease: timedelta) -> list[Claim]:
        # The same message is claimed again where a power cut takes the claim.
        taking = self._database.submit(lambda connection: self._take(connection, topic, limit, lease), durable=False)
        try:
            claims: list[Claim] = await asyncio.shield(taking)
        except asyncio.CancelledError:
            # The writing thread cannot be stopped: what it claimed has no worker.
            for claim in await taking:
                await self.put_back(claim)
            raise
        return claims

    async def extend(self, claim: Claim, lease: timedelta) -> bool:
        """See the port."""
        due_ns = self._now_ns() + to_ns(lease)
        return await self._change("UPDATE queue_messages SET due_ns = ?", (due_ns,), claim)

    async def acknowledge(self, claims: Sequence[Claim]) -> list[bool]:
        """See the port."""
        now_ns = self._now_ns()
        return await self._database.write(
            lambda connection: [
                _apply(connection, "DELETE FROM queue_messages", (), claim, now_ns) for claim in claims
            ],
            durable=False,
        )

    async def release(self, claim: Claim, *, reason: str, delay: timedelta = timedelta()) -> bool:
        """See the port."""
        if claim.topic.max_attempts is not None and claim.attempt >= claim.topic.max_attempts:
            return await self.reject(claim, reason=reason)
        due_ns = self._now_ns() + to_ns(delay)
        released = await self._change(
            "UPDATE queue_messages SET due_ns = ?, token = '', reason = ?", (due_ns, reason), claim
        )
        self._notifier.notify(claim.topic.name)
        return released

    async def put_back(self, claim: Claim, *, delay: timedelta = timedelta()) -> bool:
        """See the port."""
        values = (self._now_ns() + to_ns(delay), claim.attempt - 1)
        put_back = await self._change("UPDATE queue_messages SET due_ns = ?, attempt = ?, token = ''", values, claim)
        self._notifier.notify(claim.topic.name)
        return put_back

    async def reject(self, claim: Claim, *, reason: str) -> bool:
        """See the port."""
        now_ns = self._now_ns()

        def bury(connection: sqlite3.Connection) -> bool:
            if not _apply(connection, "DELETE FROM queue_messages", (), claim, now_ns):
                return False
            _bury(connection, claim.topic, claim.body, reason, claim.attempt, now_ns)
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
                "SELECT id, body, reason, attempts, dead_since_ns FROM queue_dead_letters "
                "WHERE topic = ? ORDER BY id LIMIT ?",
                (topic.name, limit),
            ).fetchall()
        )
        return [DeadLetter(str(number), bytes(body), *rest) for number, body, *rest in rows]

    async def dead_count(self, topic: Topic) -> int:
        """See the port."""
        found = await self._database.read(
            lambda connection: connection.execute(
                "SELECT count(*) FROM queue_dead_letters WHERE topic = ?", (topic.name,)
            ).fetchone()
        )
        return int(found[0])

    async def revive(self, topic: Topic, *, ids: Collection[str] = (), limit: int = 100) -> int:
        """See the port."""
        due_ns = self._now_ns()

        def move(connection: sqlite3.Connection) -> int:
            bodies = _dig_up(connection, topic, ids, limit)
            _insert(connection, topic, bodies, due_ns)
            return len(bodies)

        revived = await self._database.write(move)
        self._notifier.notify(topic.name)
        return revived

    async def purge(self, topic: Topic, *, ids: Collection[str] = (), limit: int = 100) -> int:
        """See the port."""
        return len(await self._database.write(lambda connection: _dig_up(connection, topic, ids, limit)))

    @property
    def bell(self) -> Bell:
        """See the port."""
        return self._notifier

    async def close(self) -> None:
        """See the port; the database is closed by the code that opened it."""
        self._notifier.close()

    def _make_due(self, connection: sqlite3.Connection, topic: Topic) -> None:
        now_ns = self._now_ns()
        connection.execute(
            "UPDATE queue_messages SET due_ns = ? WHERE topic = ? AND due_ns > ?",
            (now_ns, topic.name, now_ns + to_ns(LONGEST_WAIT)),
        )

    def _take(self, connection: sqlite3.Connection, topic: Topic, limit: int, lease: timedelta) -> list[Claim]:
        now_ns = self._now_ns()
        rows = connection.execute(
            "SELECT id, body, attempt, reason FROM queue_messages WHERE topic = ? AND due_ns <= ? "
            "ORDER BY due_ns, id LIMIT ?",
            (topic.name, now_ns, limit),
        ).fetchall()
        due_ns = now_ns + to_ns(lease)
        claims = []
        for number, body, attempt, reason in rows:
            if topic.max_attempts is not None and attempt >= topic.max_attempts:
                connection.execute("DELETE FROM queue_messages WHERE id = ?", (number,))
                _bury(connection, topic, body, reason or LEASE_ENDED, attempt, now_ns)
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
        return await self._database.write(
            lambda connection: _apply(connection, statement, values, claim, now_ns), durable=False
        )


def _insert(connection: sqlite3.Connection, topic: Topic, bodies: Sequence[bytes], due_ns: int) -> None:
    connection.executemany(
        "INSERT INTO queue_messages (topic, body, attempt, due_ns, token, reason) VALUES (?, ?, 0, ?, '', '')",
        [(topic.name, body, due_ns) for body in bodies],
    )


def _apply(
    connection: sqlite3.Connection, statement: str, values: tuple[object, ...], claim: Claim, now_ns: int
) -> bool:
    """Runs a statement on the message of a claim whose lease lasts; False when it has ended."""
    number, _, secret = claim.token.partition(".")
    cursor = connection.execute(
        f"{statement} WHERE id = ? AND token = ? AND due_ns > ?", (*values, int(number), secret, now_ns)
    )
    return cursor.rowcount == 1


def _bury(connection: sqlite3.Connection, topic: Topic, body: bytes, reason: str, attempts: int, now_ns: int) -> None:
    connection.execute(
        "INSERT INTO queue_dead_letters (topic, body, reason, attempts, dead_since_ns) VALUES (?, ?, ?, ?, ?)",
        (topic.name, body, reason, attempts, now_ns),
    )


def _dig_up(connection: sqlite3.Connection, topic: Topic, ids: Collection[str], limit: int) -> list[bytes]:
    """Removes dead letters and returns their bodies."""
    columns = "SELECT id, body FROM queue_dead_letters WHERE topic = ?"
    if ids:
        named = [int(key) for key in ids if key.isdecimal()][:limit]
        rows = [row for number in named for row in connection.execute(f"{columns} AND id = ?", (topic.name, number))]
    else:
        rows = connection.execute(f"{columns} ORDER BY id LIMIT ?", (topic.name, limit)).fetchall()
    connection.executemany("DELETE FROM queue_dead_letters WHERE id = ?", [(number,) for number, _ in rows])
    return [bytes(body) for _, body in rows]


def _due_ns(connection: sqlite3.Connection, topic: Topic) -> tuple[int | None, int | None]:
    """When the first message may be claimed, and when the last: one seek each."""
    found: tuple[int | None, int | None] = connection.execute(
        "SELECT (SELECT min(due_ns) FROM queue_messages WHERE topic = ?1),"
        " (SELECT max(due_ns) FROM queue_messages WHERE topic = ?1)",
        (topic.name,),
    ).fetchone()
    return found
