"""Runs operations on SQLite's tables, inside a transaction that others share."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, count, groupby
from typing import Any

from services.common.catalog import Delete, Document, Increment, Insert, Operation, Outcome, Refusal, Replace, Upsert
from services.common.catalog.counting import counted, gives_way
from services.common.catalog.encoding import encode
from services.common.catalog.grouping import Failure
from services.common.catalog.sqlite.schema import TAKE_NUMBERS, Table

Prepared = tuple[Table, Operation, bytes]

# At the end of each statement the writing thread has to win back the interpreter from a busy event loop.
_ROWS_AT_ONCE = 16

_EXISTS = Outcome(Refusal.EXISTS)
_CONFLICT = Outcome(Refusal.CONFLICT)
_STALE = Outcome(Refusal.STALE)
_DONE = Outcome()


def apply(connection: sqlite3.Connection, group: Sequence[Prepared]) -> list[Outcome | Failure]:
    """Applies operations in order, each on its own."""
    numbers = _numbers(connection, group)
    outcomes: list[Outcome | Failure] = []
    for (table, kind), run in groupby(group, lambda prepared: (prepared[0], type(prepared[1]))):
        if kind is Insert:
            outcomes += _insert(connection, table, run, numbers.get(table.name))
        elif kind is Upsert:
            outcomes += _upsert(connection, table, list(run))
        else:
            outcomes += [_apply_one(connection, *prepared) for prepared in run]
    return outcomes


def _apply_one(connection: sqlite3.Connection, table: Table, operation: Operation, encoded: bytes) -> Outcome | Failure:
    try:
        return _APPLY[type(operation)](connection, table, operation, encoded)
    except sqlite3.IntegrityError:
        # SQLite undid this statement, and no operation writes with more than one.
        return _EXISTS
    except (TypeError, ValueError) as error:
        return Failure(error)


def _numbers(connection: sqlite3.Connection, group: Sequence[Prepared]) -> dict[str, Iterator[int]]:
    wanted = Counter(table.name for table, operation, _ in group if table.sequence and type(operation) is Insert)
    numbers: dict[str, Iterator[int]] = {}
    for name, amount in wanted.items():
        ((last,),) = connection.execute(TAKE_NUMBERS, (name, amount)).fetchall()
        numbers[name] = count(last - amount + 1)
    return numbers


def _insert(
    connection: sqlite3.Connection, table: Table, run: Iterable[Prepared], numbers: Iterator[int] | None
) -> list[Outcome]:
    outcomes: list[Outcome] = []
    rows: list[list[Any]] = []
    for _, operation, encoded in run:
        document = {**operation.document, "_version": 1}  # type: ignore[union-attr]
        if numbers is not None and table.sequence is not None:
            document[table.sequence] = next(numbers)
        outcomes.append(Outcome(None, document))
        rows.append(table.row(document, 1, encoded))
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        some = rows[start : start + _ROWS_AT_ONCE]
        try:
            connection.execute(table.insert_many(len(some)), list(chain.from_iterable(some)))
        except sqlite3.IntegrityError:
            # SQLite undid all of the statement.
            for place, row in enumerate(some, start):
                try:
                    connection.execute(table.insert, row)
                except sqlite3.IntegrityError:
                    outcomes[place] = _EXISTS
    return outcomes


def _replace(connection: sqlite3.Connection, table: Table, operation: Replace, encoded: bytes) -> Outcome:
    return _write_over(connection, table, operation.document, encoded, operation.version)


def _upsert(connection: sqlite3.Connection, table: Table, run: Sequence[Prepared]) -> list[Outcome | Failure]:
    outcomes: list[Outcome | Failure] = []
    for start in range(0, len(run), _ROWS_AT_ONCE):
        some = run[start : start + _ROWS_AT_ONCE]
        rows = [table.row(operation.document, 1, encoded) for _, operation, encoded in some]  # type: ignore[union-attr]
        try:
            cursor = connection.execute(table.insert_new(len(some)), list(chain.from_iterable(rows)))
            added = {key for (key,) in cursor.fetchall()}
        except sqlite3.IntegrityError:
            # SQLite undid all of the statement.
            added = set()
        for prepared in some:
            document = prepared[1].document  # type: ignore[union-attr]
            if document["_id"] in added:
                # Of operations on one key, the first has added it.
                added.remove(document["_id"])
                outcomes.append(Outcome(None, {**document, "_version": 1}))
            else:
                outcomes.append(_apply_one(connection, *prepared))
    return outcomes


def _upsert_one(connection: sqlite3.Connection, table: Table, operation: Upsert, encoded: bytes) -> Outcome:
    document = operation.document
    stored = _stored(connection, table, document["_id"])
    if stored is None:
        return _write_first(connection, table, document, encoded)
    newer_by = operation.newer_by
    if newer_by is not None and not gives_way(table.document(stored).get(newer_by), document.get(newer_by)):
        return _STALE
    return _write_over(connection, table, document, encoded, stored[0])


def _increment(connection: sqlite3.Connection, table: Table, operation: Increment, _: bytes) -> Outcome:
    stored = _stored(connection, table, operation.key)
    document = counted(None if stored is None else table.document(stored), operation.key, operation.amounts)
    if stored is None:
        return _write_first(connection, table, document, encode(document))
    return _write_over(connection, table, document, encode(document), stored[0])


def _delete(connection: sqlite3.Connection, table: Table, operation: Delete, _: bytes) -> Outcome:
    if operation.version is None:
        connection.execute(table.delete, (operation.key,))
        return _DONE
    cursor = connection.execute(table.delete_version, (operation.key, operation.version))
    return _DONE if cursor.rowcount or _stored(connection, table, operation.key) is None else _CONFLICT


def _stored(connection: sqlite3.Connection, table: Table, key: str) -> Any:
    return connection.execute(table.get, (key,)).fetchone()


def _write_first(connection: sqlite3.Connection, table: Table, document: Document, encoded: bytes) -> Outcome:
    connection.execute(table.insert, table.row(document, 1, encoded))
    return Outcome(None, {**document, "_version": 1})


def _write_over(
    connection: sqlite3.Connection, table: Table, document: Document, encoded: bytes, version: int
) -> Outcome:
    key = document["_id"]
    columns, statement = table.columns, table.replace_all
    if table.has_many_indexes:
        stored = connection.execute(table.indexed, (key, version)).fetchone()
        if stored is None:
            return _CONFLICT
        wanted = map(document.get, columns)
        columns = tuple(name for name, now, then in zip(columns, wanted, stored, strict=True) if now != then)
        statement = table.replace(columns)
    values = map(document.get, columns)
    cursor = connection.execute(statement, (version + 1, encoded, *values, key, version))
    return Outcome(None, {**document, "_version": version + 1}) if cursor.rowcount else _CONFLICT


_APPLY: dict[type[Operation], Callable[..., Outcome]] = {
    Replace: _replace,
    Upsert: _upsert_one,
    Increment: _increment,
    Delete: _delete,
}
