"""The work of a plain service that reads: token, owner, a look-up in SQLite, JSON."""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import sqlite3
import time
from pathlib import Path

import orjson

PATH = re.compile(r"/v1/[a-z]+(?:/[0-9A-Za-z:.+-]{1,64})?")
REMEMBERED_SECONDS = 1.0


class Refused(Exception):
    """An answer that is no document: its HTTP status."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class Documents:
    """Documents by their path, and lists of those below a path; REFERENCE_SEED names the file that they come from."""

    def __init__(self) -> None:
        seed = orjson.loads(Path(os.environ["REFERENCE_SEED"]).read_bytes())
        self._secret = hashlib.sha256(seed["token"].encode()).digest()
        self._remembered: dict[str, float] = {}
        database = sqlite3.connect(os.environ["REFERENCE_DATABASE"], isolation_level=None)
        database.execute("PRAGMA journal_mode=WAL")
        database.execute(
            "CREATE TABLE documents (path TEXT PRIMARY KEY, owner TEXT, list TEXT, place INTEGER, body BLOB)"
        )
        database.execute("CREATE INDEX by_place ON documents (list, place)")
        rows = [(path, "local", None, 0, orjson.dumps(body)) for path, body in seed["documents"].items()]
        for listed, bodies in seed["lists"].items():
            rows += [
                (f"{listed}#{place}", "local", listed, place, orjson.dumps(body)) for place, body in enumerate(bodies)
            ]
        database.executemany("INSERT INTO documents VALUES (?, ?, ?, ?, ?)", rows)
        self._database = database

    def read(self, path: str, query: str, authorization: str) -> bytes:
        """The answer to a read; raises Refused."""
        if not self._knows(authorization):
            raise Refused(401)
        if PATH.fullmatch(path) is None:
            raise Refused(404)
        if query:
            name, _, size = query.partition("=")
            if name != "page_size" or not 0 < int(size) <= 1000:
                raise Refused(400)
            found = self._database.execute(
                "SELECT owner, body FROM documents WHERE list = ? ORDER BY place LIMIT ?", (path, int(size) + 1)
            ).fetchall()
            page = [orjson.loads(body) for owner, body in found[: int(size)] if owner == "local"]
            return orjson.dumps(
                {path.rpartition("/")[2]: page, "next_page_token": "more" if len(found) > int(size) else ""}
            )
        row = self._database.execute("SELECT owner, body FROM documents WHERE path = ?", (path,)).fetchone()
        if row is None or row[0] != "local":
            raise Refused(404)
        return orjson.dumps(orjson.loads(row[1]))

    def _knows(self, authorization: str) -> bool:
        now = time.monotonic()
        if now - self._remembered.get(authorization, -REMEMBERED_SECONDS) < REMEMBERED_SECONDS:
            return True
        secret = authorization.removeprefix("Bearer ")
        if not hmac.compare_digest(self._secret, hashlib.sha256(secret.encode()).digest()):
            return False
        self._remembered[authorization] = now
        return True
