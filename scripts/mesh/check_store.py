"""Looks for damage in the SQLite file of the catalog: in its pages, its documents and its write-ahead log.

It changes nothing, and works whether the mesh runs or not. What to do about damage: docs/operations.md, Damage.
"""

from __future__ import annotations

import argparse
import shutil
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import unquote, urlsplit

import bson
from bson.errors import InvalidBSON

from scripts.mesh.data_folder import NoCatalog, data_option, require_catalog, settings_of
from scripts.mesh.preflight import CannotStart, own_folder
from services.common.catalog.sqlite.locking import ProcessLock
from services.common.catalog.sqlite.log_damage import transactions_behind_damage
from services.common.settings import Settings, SettingsError

FAULTS_MOST = 20


def main() -> int:
    """Exits with 0 when nothing is damaged."""
    parser = argparse.ArgumentParser(prog="scripts/check-store", description=__doc__, parents=[data_option()])
    parser.add_argument(
        "--accept-loss",
        action="store_true",
        help="keep a copy of the files, then give up the writes behind damage in the log; the mesh must be stopped",
    )
    arguments = parser.parse_args()
    try:
        settings = settings_of(arguments)
        require_catalog(settings)
        path = _file_of(settings)
        if arguments.accept_loss:
            with own_folder(settings.data):
                _accept_loss(path)
        faults = list(_faults(path))
    except (SettingsError, NoCatalog, CannotStart, OSError, sqlite3.Error) as error:
        print(f"scripts/check-store: {error}", file=sys.stderr)
        return 1
    for fault in faults:
        print(fault)
    print(f"{path}: {'damaged; see docs/operations.md, Damage' if faults else 'no damage found'}")
    return 1 if faults else 0


def _file_of(settings: Settings) -> Path:
    scheme, _, path, *_ = urlsplit(settings.catalog_url)
    if scheme != "sqlite":
        raise NoCatalog("the catalog is no SQLite file; MongoDB checks its own with `validate`")
    return Path("/", unquote(path).lstrip("/"))


def _faults(path: Path) -> Iterator[str]:
    lock = ProcessLock(path)
    with lock:
        lost = transactions_behind_damage(path)
    lock.close()
    if lost:
        yield f"the write-ahead log is damaged: {lost} acknowledged writes behind the damage cannot be read"
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
        yield from _faults_of_pages(connection)
        yield from _faults_of_documents(connection)


def _faults_of_pages(connection: sqlite3.Connection) -> Iterator[str]:
    try:
        for (text,) in connection.execute(f"PRAGMA integrity_check({FAULTS_MOST})"):
            if text != "ok":
                yield text
    except sqlite3.DatabaseError as error:
        yield f"the pages cannot be checked to their end: {error}"


def _faults_of_documents(connection: sqlite3.Connection) -> Iterator[str]:
    try:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    except sqlite3.DatabaseError:
        # The check of the pages has said it.
        return
    for table in tables:
        try:
            for key, encoded in connection.execute(f'SELECT _id, _document FROM "{table}"'):  # noqa: S608 - its own names
                try:
                    bson.decode(encoded)
                except InvalidBSON as error:
                    yield f"{table}: the document {key} cannot be read: {error}"
        except sqlite3.OperationalError:
            # A table without documents.
            continue
        except sqlite3.DatabaseError as error:
            yield f"{table}: cannot be read to its end: {error}"


def _accept_loss(path: Path) -> None:
    """Folds what can be read of the log into the file, and ends the log."""
    kept = path.with_name(f"{path.name}.damaged-{time.strftime('%Y%m%d-%H%M%S')}")
    kept.mkdir()
    for end in ("", "-wal"):
        source = path.with_name(path.name + end)
        if source.exists():
            shutil.copy2(source, kept / source.name)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    print(f"the files as they were are in {kept}")


if __name__ == "__main__":
    sys.exit(main())
