"""A plain dropzone for comparison: FastAPI and SQLite, each drop committed in the thread pool before its answer."""

from __future__ import annotations

import os
import sqlite3
import threading
import uuid

from fastapi import FastAPI, Request
from starlette.concurrency import run_in_threadpool

app = FastAPI()
database = sqlite3.connect(os.environ["REFERENCE_DATABASE"], isolation_level=None, check_same_thread=False)
database.execute("PRAGMA journal_mode=WAL")
database.execute("PRAGMA synchronous=FULL")
database.execute("CREATE TABLE IF NOT EXISTS drops (id TEXT PRIMARY KEY, raw BLOB NOT NULL)")
one_at_a_time = threading.Lock()


@app.post("/v1/measurements", status_code=202)
async def drop(request: Request) -> dict[str, str]:
    raw = await request.body()
    return {"receipt": await run_in_threadpool(_keep, raw)}


def _keep(raw: bytes) -> str:
    identifier = uuid.uuid4().hex
    with one_at_a_time:
        database.execute("INSERT INTO drops VALUES (?, ?)", (identifier, raw))
    return identifier
