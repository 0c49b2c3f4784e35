"""The work of a plain dropzone, as fast as it can be: parse, check, aggregate, and both writes in one commit."""

from __future__ import annotations

import asyncio
import hashlib
import math
import os
import queue
import sqlite3
import threading
import uuid
from datetime import UTC, datetime
from typing import Any

import orjson

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SCHEMA = """
CREATE TABLE IF NOT EXISTS drops (
    id TEXT PRIMARY KEY, raw BLOB NOT NULL, sha256 BLOB NOT NULL, receive_time TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS measurements (
    time_us INTEGER PRIMARY KEY, count INTEGER, mean REAL, population_stddev REAL, sample_stddev REAL, min REAL,
    max REAL, receipt TEXT NOT NULL
);
"""


DROP = "INSERT INTO drops VALUES (?, ?, ?, ?)"
MEASUREMENT = "INSERT OR REPLACE INTO measurements VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
DROP_FIELDS = ("_id", "raw", "sha256", "receive_time")
MEASUREMENT_FIELDS = ("_id", "count", "mean", "population_stddev", "sample_stddev", "min", "max", "receipt")
Row = tuple[Any, ...]


class GroupCommit:
    """Writes rows, one with each statement; those that wait while one commit is under way share the next."""

    def __init__(self, schema: str, *statements: str) -> None:
        self._schema = schema
        self._statements = statements
        self._waiting: queue.SimpleQueue[tuple[tuple[Row, ...], asyncio.Future[None]]] = queue.SimpleQueue()
        threading.Thread(target=self._write, daemon=True).start()

    async def write(self, *rows: Row) -> None:
        """Returns once they are durable."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.put((rows, done))
        await done

    def _write(self) -> None:
        database = sqlite3.connect(os.environ["REFERENCE_DATABASE"], isolation_level=None)
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("PRAGMA synchronous=FULL")
        database.executescript(self._schema)
        while True:
            group = [self._waiting.get()]
            while not self._waiting.empty():
                group.append(self._waiting.get())
            database.execute("BEGIN IMMEDIATE")
            for number, statement in enumerate(self._statements):
                database.executemany(statement, [rows[number] for rows, _ in group])
            database.execute("COMMIT")
            group[0][1].get_loop().call_soon_threadsafe(_resolve, [done for _, done in group])


def _commits() -> Any:
    if "REFERENCE_MONGODB" not in os.environ:
        return GroupCommit(SCHEMA, DROP, MEASUREMENT)
    from scripts.measuring.loading.references.server_commit import MongoCommit

    return MongoCommit(drops=DROP_FIELDS, measurements=MEASUREMENT_FIELDS)


class Dropzone:
    """Takes drops."""

    def __init__(self) -> None:
        self._commits = _commits()

    async def keep(self, raw: bytes) -> bytes:
        """The answer to a drop, once it is durable; raises ValueError for a bad one."""
        receipt, received = uuid.uuid4().hex, datetime.now(UTC).isoformat()
        digest = hashlib.sha256(raw)
        await self._commits.write((receipt, raw, digest.digest(), received), (*measurement(raw), receipt))
        return orjson.dumps(
            {"receipt": receipt, "sha256": digest.hexdigest(), "size_bytes": len(raw), "time": received}
        )


def _resolve(futures: list[asyncio.Future[None]]) -> None:
    for future in futures:
        if not future.done():
            future.set_result(None)


def measurement(raw: bytes) -> tuple[Any, ...]:
    """The instant of a drop and the aggregate of its numbers; raises ValueError."""
    drop = orjson.loads(raw)
    if not isinstance(drop, dict) or not isinstance(drop.get("time_stamp"), str):
        raise ValueError("time_stamp")  # noqa: TRY004 - a bad drop
    instant = datetime.fromisoformat(drop["time_stamp"])
    data = drop.get("data")
    if instant.tzinfo is None or not isinstance(data, list) or not data:
        raise ValueError("data")
    for value in data:
        if not (type(value) in (int, float) and math.isfinite(value)):
            raise ValueError("data")
    count, mean = len(data), math.fsum(data) / len(data)
    squares = math.fsum((value - mean) ** 2 for value in data)
    sample = math.sqrt(squares / (count - 1)) if count > 1 else None
    passed = instant - EPOCH
    microseconds = (passed.days * 86_400 + passed.seconds) * 1_000_000 + passed.microseconds
    return microseconds, count, mean, math.sqrt(squares / count), sample, min(data), max(data)
