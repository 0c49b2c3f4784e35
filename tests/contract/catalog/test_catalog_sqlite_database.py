"""The database that the catalog shares with other modules."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.common.base.errors import StoreUnavailable
from services.common.catalog.sqlite.database import SqliteDatabase


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[SqliteDatabase]:
    opened = await SqliteDatabase.open(tmp_path / "catalog.db")
    await opened.write(lambda connection: connection.execute("CREATE TABLE words (word TEXT PRIMARY KEY)").fetchall())
    yield opened
    await opened.close()


def add(connection: sqlite3.Connection, word: str) -> str:
    connection.execute("INSERT INTO words VALUES (?)", (word,))
    return word


def words(connection: sqlite3.Connection) -> list[str]:
    return [word for (word,) in connection.execute("SELECT word FROM words ORDER BY word")]


async def test_a_write_is_seen_by_the_next_read(database: SqliteDatabase) -> None:
    assert await database.write(lambda connection: add(connection, "a")) == "a"
    assert await database.read(words) == ["a"]


async def test_one_who_fails_leaves_no_trace_and_no_neighbour_behind(database: SqliteDatabase) -> None:
    def fails(connection: sqlite3.Connection) -> None:
        add(connection, "trace")
        raise LookupError("on purpose")

    writes = [database.write(lambda connection, word=word: add(connection, word)) for word in "abcde"]  # type: ignore[misc]
    fates = await asyncio.gather(
        *writes[:2],
        database.write(fails),
        *writes[2:],
        database.write(lambda connection: add(connection, "a")),
        database.write(lambda connection: connection.execute("SELECT nonsense").fetchall()),
        return_exceptions=True,
    )
    assert [fate if isinstance(fate, str) else type(fate) for fate in fates] == [
        "a",
        "b",
        LookupError,
        "c",
        "d",
        "e",
        sqlite3.IntegrityError,
        sqlite3.OperationalError,
    ]
    assert await database.read(words) == list("abcde")


async def test_readers_cannot_write(database: SqliteDatabase) -> None:
    with pytest.raises(StoreUnavailable) as raised:
        await database.read(lambda connection: add(connection, "a"))
    assert "readonly" in raised.value.cause


async def test_a_caller_who_went_away_does_not_disturb(database: SqliteDatabase) -> None:
    gone = asyncio.create_task(database.write(lambda connection: add(connection, "gone")))
    await asyncio.sleep(0)
    gone.cancel()
    await database.write(lambda connection: add(connection, "b"))
    assert "b" in await database.read(words)


async def test_two_processes_take_turns(database: SqliteDatabase) -> None:
    other = await SqliteDatabase.open(database.path)

    async def write_all(writer: SqliteDatabase, prefix: str) -> None:
        for n in range(100):
            await writer.write(lambda connection, n=n: add(connection, f"{prefix}{n}"))  # type: ignore[misc]

    await asyncio.gather(write_all(database, "a"), write_all(other, "b"))
    assert len(await database.read(words)) == 200
    await other.close()
    assert len(await database.read(words)) == 200
