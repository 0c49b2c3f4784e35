"""The catalog in a SQLite file."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Callable, Hashable, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from services.common.catalog import Collection, Document, Index, Operation, Outcome, Position, Range, Scalar, position
from services.common.catalog.encoding import encoded_document
from services.common.catalog.grouping import Failure, Group, WaitingBatches
from services.common.catalog.paging import Comparison, Segment, members_only, ordering, segments
from services.common.catalog.sqlite.database import SqliteDatabase
from services.common.catalog.sqlite.schema import Table, ensure_schema, quoted
from services.common.catalog.sqlite.writes import Prepared, apply

Row = tuple[Any, ...]

# A read holds the event loop for about a millisecond; a longer one continues in a later turn.
_TURN_ROWS = 100
_TURN_BYTES = 1 << 20
# A larger group would hold the file for too long against other processes.
_GROUP_OPERATIONS = 1000


class SqliteCatalog:
    """A `Catalog` over a `SqliteDatabase`, which other modules may write to as well: their work shares its commits."""

    def __init__(self, database: SqliteDatabase, tables: dict[str, Table]) -> None:
        self.database = database
        self._tables = tables
        self._waiting: WaitingBatches[Prepared] = WaitingBatches(_GROUP_OPERATIONS)
        self._scheduled = False

    @classmethod
    async def open(cls, path: Path, collections: Sequence[Collection]) -> SqliteCatalog:
        """Opens the file, making it, its tables and its indexes when missing."""
        database = await SqliteDatabase.open(path)
        tables = {collection.name: Table(collection) for collection in collections}
        try:
            await database.write(lambda connection: ensure_schema(connection, tables.values()))
        except BaseException:
            await database.close()
            raise
        return cls(database, tables)

    async def batch(
        self, operations: Sequence[Operation], then: Sequence[Operation] = (), *, durable: bool = True
    ) -> list[Outcome]:
        """See `Catalog`; a batch is applied in order and in one transaction."""
        tables = self._tables
        prepared = [
            (tables[operation.collection.name], operation, encoded_document(operation))
            for operation in (*operations, *then)
        ]
        if not prepared:
            return []
        future = self._waiting.add(prepared, durable=durable)
        if not self._scheduled:
            self._submit()
        return await future

    async def get(self, collection: Collection, key: str) -> Document | None:
        """See `Catalog`."""
        table = self._tables[collection.name]
        row = self.database.look(lambda connection: connection.execute(table.get, (key,)).fetchone())
        return None if row is None else table.document(row)

    async def get_many(self, collection: Collection, keys: Sequence[str]) -> dict[str, Document]:
        """See `Catalog`."""
        table = self._tables[collection.name]
        found: dict[str, Document] = {}
        for start in range(0, len(keys), _TURN_ROWS):
            if start:
                await asyncio.sleep(0)
            wanted = json.dumps(keys[start : start + _TURN_ROWS])
            documents = table.documents(self.database.look(partial(_all, table.get_many, (wanted,))))
            found.update((document["_id"], document) for document in documents)
        return found

    async def find(
        self,
        collection: Collection,
        index: str,
        equals: Sequence[Scalar] = (),
        within: Range | None = None,
        *,
        descending: bool = False,
        after: Position | None = None,
        limit: int = 100,
    ) -> list[Document]:
        """See `Catalog`."""
        table = self._tables[collection.name]
        declared = table.indexes[index]
        page: list[Document] = []
        cut = True
        while cut:
            cut = False
            for segment in segments(declared, equals, within, descending, after):
                sql, values = _search(table, declared, segment, descending)
                wanted = limit - len(page)
                rows, cut = self.database.look(partial(_some, sql, (*values, wanted)))
                page += table.documents(rows)
                cut = cut and len(page) < limit
                if cut or len(page) == limit:
                    break
            if cut:
                after = position(declared, page[-1])
                await asyncio.sleep(0)
        return page

    async def count(
        self, collection: Collection, index: str, equals: Sequence[Scalar] = (), within: Range | None = None
    ) -> int:
        """See `Catalog`."""
        table = self._tables[collection.name]
        declared = table.indexes[index]
        total = 0
        for segment in segments(declared, equals, within, False, None):
            where, values = _conditions(declared, segment)
            sql = f"SELECT count(*) FROM {table.name} INDEXED BY {table.index_name(declared)}{where}"  # noqa: S608
            ((counted,),) = self.database.look(partial(_all, sql, values))
            total += counted
        return total

    async def state(self) -> Hashable | None:
        """See `Catalog`."""
        return self.database.state()

    async def close(self) -> None:
        """See `Catalog`."""
        while self._scheduled or self._waiting:
            await self.database.write(lambda _: None)
        await self.database.close()

    def _submit(self) -> None:
        # At once: what arrives during one commit shares the next.
        self._scheduled = True
        turn = _Turn(self._take)
        self.database.submit(turn.write, durable=turn.is_durable).add_done_callback(partial(self._settle, turn))

    def _take(self) -> Group[Prepared]:
        # A batch that is added after this line is scheduled anew, so none is left waiting.
        self._scheduled = False
        return self._waiting.take()

    def _settle(self, turn: _Turn, done: asyncio.Future[list[Outcome | Failure]]) -> None:
        error = done.exception()
        if error is None:
            turn.group.settle(done.result())
        else:
            turn.group.fail(error)
        if self._waiting and not self._scheduled:
            self._submit()


class _Turn:
    """A group, taken when the writing thread begins with it; the thread may run it again."""

    def __init__(self, take: Callable[[], Group[Prepared]]) -> None:
        self._take = take

    @cached_property
    def group(self) -> Group[Prepared]:
        return self._take()

    def is_durable(self) -> bool:
        return self.group.is_durable

    def write(self, connection: sqlite3.Connection) -> list[Outcome | Failure]:
        return apply(connection, self.group.operations)


def _search(table: Table, index: Index, segment: Segment, descending: bool) -> tuple[str, list[Scalar]]:
    where, values = _conditions(index, segment)
    order = ", ".join(f"{quoted(field)} {'DESC' if descending else 'ASC'}" for field in ordering(index))
    return f"{table.select} INDEXED BY {table.index_name(index)}{where} ORDER BY {order} LIMIT ?", values


def _conditions(index: Index, segment: Segment) -> tuple[str, list[Scalar]]:
    present = dict.fromkeys(index.fields if members_only(index) else ())
    conditions: list[str] = []
    values: list[Scalar] = []
    for field, value in segment.equals:
        if value is None:
            conditions.append(f"{quoted(field)} IS NULL")
        else:
            conditions.append(f"{quoted(field)} = ?")
            values.append(value)
    for field, comparison, value in segment.bounds:
        if comparison is Comparison.PRESENT:
            present[field] = None
        else:
            conditions.append(f"{quoted(field)} {comparison} ?")
            values.append(value)
    conditions += [f"{quoted(field)} IS NOT NULL" for field in present]
    return f" WHERE {' AND '.join(conditions)}" if conditions else "", values


def _all(sql: str, values: Sequence[Scalar], connection: sqlite3.Connection) -> list[Row]:
    return connection.execute(sql, values).fetchall()


def _some(sql: str, values: Sequence[Scalar], connection: sqlite3.Connection) -> tuple[list[Row], bool]:
    rows: list[Row] = []
    size_bytes = 0
    cursor = connection.execute(sql, values)
    try:
        for row in cursor:
            rows.append(row)
            size_bytes += len(row[1])
            if len(rows) == _TURN_ROWS or size_bytes > _TURN_BYTES:
                return rows, True
    finally:
        cursor.close()
    return rows, False
