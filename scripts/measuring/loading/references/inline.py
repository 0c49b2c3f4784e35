"""A plain dropzone for comparison: FastAPI and SQLite, each drop committed on the event loop before its answer."""

from __future__ import annotations

import os
import sqlite3
import uuid

from fastapi import FastAPI, Request

app = FastAPI()
database = sqlite3.connect(os.environ["REFERENCE_DATABASE"], isolation_level=None)
database.execute("PRAGMA journal_mode=WAL")
database.execute("PRAGMA synchronous=FULL")
database.execute("CREATE TABLE IF NOT EXISTS drops (id TEXT PRIMARY KEY, raw BLOB NOT NULL)")


@app.post("/v1/measurements", status_code=202)
async def drop(request: Request) -> dict[str, str]:
    raw = await request.body()
    identifier = uuid.uuid4().hex
    database.execute("INSERT INTO drops VALUES (?, ?)", (identifier, raw))
    return {"receipt": identifier}
