"""A collection in SQLite: its table, real columns for its indexed fields, its indexes."""

# Names come quoted from the code's own declarations, values are always bound:
# ruff: noqa: S608

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any

import bson
from bson.errors import InvalidBSON

from services.common.base.errors import StoreCorrupt
from services.common.catalog import Collection, Document, Index
from services.common.catalog.paging import members_only, ordering

_SEQUENCES = "catalog_sequences"
TAKE_NUMBERS = (
    f"INSERT INTO {_SEQUENCES} (name, value) VALUES (?, ?)"
    " ON CONFLICT (name) DO UPDATE SET value = value + excluded.value RETURNING value"
)
_STANDING = ("_id", "_version")
# In fewer, finding out which of them a change concerns costs more than to write them all.
_MANY_INDEXES = 10


class Table:
    """The table of a collection: `_id`, `_version`, the document as BSON, and a column for each searched field."""

    def __init__(self, collection: Collection) -> None:
        searched = [field for index in collection.indexes for field in index.fields]
        if collection.sequence is not None:
            searched.append(collection.sequence)
        self.collection = collection
        self.name = quoted(collection.name)
        self.columns = tuple(field for field in dict.fromkeys(searched) if field not in _STANDING)
        self.indexes = {index.name: index for index in collection.indexes}
        stored = ("_id", "_version", "_document", *(quoted(field) for field in self.columns))
        self._insert_into = f"INSERT INTO {self.name} ({', '.join(stored)}) VALUES "
        self._row = f"({', '.join('?' * len(stored))})"
        self.insert = self.insert_many(1)
        version = "WHERE _id = ? AND _version = ?"
        self._replace = f"UPDATE {self.name} SET _version = ?, _document = ?{{}} {version}"
        self.replace_all = self.replace(self.columns)
        self.indexed = f"SELECT {', '.join(stored[3:]) or '_version'} FROM {self.name} {version}"
        self.has_many_indexes = len(collection.indexes) > _MANY_INDEXES
        self.delete = f"DELETE FROM {self.name} WHERE _id = ?"
        self.delete_version = f"{self.delete} AND _version = ?"
        # The sequence stands in its column alone, so that a document is encoded before its number is known.
        read = ", ".join(("_version", "_document", *filter(None, [self.sequence and quoted(self.sequence)])))
        self.select = f"SELECT {read} FROM {self.name}"
        self.get = f"{self.select} WHERE _id = ?"
        self.get_many = f"{self.select} WHERE _id IN (SELECT value FROM json_each(?))"

    @property
    def sequence(self) -> str | None:
        """The field that numbers insertions."""
        return self.collection.sequence

    def insert_many(self, count: int) -> str:
        """`insert` for this many rows."""
        return self._insert_into + ", ".join([self._row] * count)

    def insert_new(self, count: int) -> str:
        """`insert` for this many rows, of which those are left out whose key is taken; gives the keys of the others."""
        return f"{self.insert_many(count)} ON CONFLICT (_id) DO NOTHING RETURNING _id"

    def replace(self, columns: Iterable[str]) -> str:
        """Writes version and document, and these columns: SQLite writes each index anew that has one of them."""
        return self._replace.format("".join(f", {quoted(column)} = ?" for column in columns))

    def row(self, document: Document, version: int, encoded: bytes) -> list[Any]:
        """A document as the values of `insert`."""
        return [document["_id"], version, encoded, *map(document.get, self.columns)]

    def documents(self, rows: Sequence[Sequence[Any]]) -> list[Document]:
        """Returns the documents of rows of `select`."""
        try:
            documents: list[Document] = bson.decode_all(b"".join([row[1] for row in rows]))
        except InvalidBSON as error:
            raise StoreCorrupt("catalog", f"a document of {self.name}: {error}") from error
        if len(documents) != len(rows):
            raise StoreCorrupt("catalog", f"a document of {self.name} has a wrong length")
        for document, row in zip(documents, rows, strict=True):
            document["_version"] = row[0]
            if self.sequence is not None and row[2] is not None:
                document[self.sequence] = row[2]
        return documents

    def document(self, row: Sequence[Any]) -> Document:
        """Returns the document of a row of `select`."""
        (document,) = self.documents([row])
        return document

    def index_name(self, index: Index) -> str:
        """The quoted name of an index, which SQLite keeps apart for the whole file."""
        return quoted(f"{self.collection.name}__{index.name}")


def quoted(name: str) -> str:
    """A name as SQL takes it."""
    return '"' + name.replace('"', '""') + '"'


def ensure_schema(connection: sqlite3.Connection, tables: Iterable[Table]) -> None:
    """Makes missing tables, columns and indexes in the caller's transaction; a new column takes what documents hold."""
    connection.execute(f"CREATE TABLE IF NOT EXISTS {_SEQUENCES} (name TEXT PRIMARY KEY, value INTEGER NOT NULL)")
    for table in tables:
        connection.execute(
            f"CREATE TABLE IF NOT EXISTS {table.name}"
            " (_id TEXT PRIMARY KEY NOT NULL, _version INTEGER NOT NULL, _document BLOB NOT NULL)"
        )
        _ensure_columns(connection, table)
        for index in table.indexes.values():
            _ensure_index(connection, table, index)


def _ensure_columns(connection: sqlite3.Connection, table: Table) -> None:
    present = {name for _, name, *_ in connection.execute(f"PRAGMA table_info({table.name})")}
    missing = [field for field in table.columns if field not in present]
    if not missing:
        return
    for field in missing:
        connection.execute(f"ALTER TABLE {table.name} ADD COLUMN {quoted(field)}")
    changes = ", ".join(f"{quoted(field)} = ?" for field in missing)
    for key, encoded in connection.execute(f"SELECT _id, _document FROM {table.name}"):
        document = bson.decode(encoded)
        values = [document.get(field) for field in missing]
        connection.execute(f"UPDATE {table.name} SET {changes} WHERE _id = ?", (*values, key))


def _ensure_index(connection: sqlite3.Connection, table: Table, index: Index) -> None:
    name = table.index_name(index)
    fields = [quoted(field) for field in ordering(index)]
    members = " AND ".join(f"{quoted(field)} IS NOT NULL" for field in index.fields)
    definition = (
        f"CREATE {'UNIQUE ' if index.unique else ''}INDEX {name} ON {table.name} ({', '.join(fields)})"
        f"{f' WHERE {members}' if members_only(index) else ''}"
    )
    found = connection.execute(
        "SELECT sql FROM sqlite_master WHERE type = 'index' AND name = ?", (f"{table.collection.name}__{index.name}",)
    ).fetchone()
    if found is not None and found[0] == definition:
        return
    connection.execute(f"DROP INDEX IF EXISTS {name}")
    connection.execute(definition)
