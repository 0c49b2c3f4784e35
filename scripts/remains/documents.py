"""Every document of a catalog, read from SQLite or MongoDB itself."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import bson

Document = dict[str, Any]


def documents(catalog_url: str) -> Iterator[tuple[str, Document]]:
    """Each document with the name of its collection."""
    scheme, _, path, *_ = urlsplit(catalog_url)
    return _of_sqlite(Path(unquote(path))) if scheme == "sqlite" else _of_mongo(catalog_url)


def sqlite_rows(file: Path, statement: str) -> Iterator[tuple[Any, ...]]:
    """The rows of a statement; none where its table is missing."""
    connection = sqlite3.connect(f"file:///{quote(str(file).lstrip('/'))}?mode=ro", uri=True)
    try:
        yield from connection.execute(statement)
    except sqlite3.OperationalError as error:
        if "no such table" not in str(error):
            raise
    finally:
        connection.close()


def _of_sqlite(file: Path) -> Iterator[tuple[str, Document]]:
    tables = [name for (name,) in sqlite_rows(file, "SELECT name FROM sqlite_master WHERE type = 'table'")]
    for table in tables:
        columns = {row[1] for row in sqlite_rows(file, f'PRAGMA table_info("{table}")')}
        if "_document" in columns:
            # S608: the name is the file's own.
            for key, document in sqlite_rows(file, f'SELECT _id, _document FROM "{table}"'):  # noqa: S608
                yield table, {**bson.decode(document), "_id": key}


def _of_mongo(url: str) -> Iterator[tuple[str, Document]]:
    from pymongo import MongoClient

    client: MongoClient[Document] = MongoClient(url)
    try:
        database = client.get_default_database()
        for collection in database.list_collection_names():
            for document in database[collection].find():
                yield collection, document
    finally:
        client.close()
