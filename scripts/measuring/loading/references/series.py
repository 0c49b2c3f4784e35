"""A plain store of series for comparison: FastAPI, pandas and SQLite; a series is a blob of float64."""

from __future__ import annotations

import io
import os
import sqlite3
import time
import uuid

import numpy as np
import pandas as pd
from fastapi import FastAPI, HTTPException, Request

app = FastAPI()


def _opened() -> sqlite3.Connection:
    connection = sqlite3.connect(os.environ["REFERENCE_DATABASE"], isolation_level=None, check_same_thread=False)
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            break
        except sqlite3.OperationalError:
            # Another worker of this service does the same; SQLite waits for no lock here.
            time.sleep(0.05)
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE IF NOT EXISTS series (id TEXT PRIMARY KEY, points INTEGER, values_ BLOB NOT NULL)")
    return connection


database = _opened()


@app.post("/v1/series", status_code=201)
async def store(request: Request) -> dict[str, str]:
    values = np.load(io.BytesIO(await request.body()))
    identifier = uuid.uuid4().hex
    database.execute("INSERT INTO series VALUES (?, ?, ?)", (identifier, len(values), values.tobytes()))
    return {"name": f"series/{identifier}"}


@app.get("/v1/series/{identifier}")
def summary(identifier: str) -> dict[str, object]:
    row = database.execute("SELECT points FROM series WHERE id = ?", (identifier,)).fetchone()
    if row is None:
        raise HTTPException(404)
    return {"name": f"series/{identifier}", "point_count": row[0]}


@app.get("/v1/series/{identifier}/metrics")
def metrics(identifier: str) -> dict[str, float]:
    values = _values(identifier)
    found = {str(name): float(value) for name, value in values.describe(percentiles=[0.05, 0.5, 0.95]).items()}
    rms = float(np.sqrt((values**2).mean()))
    peak = float(values.abs().max())
    return {
        **found,
        "rms": rms,
        "crest": peak / rms,
        "skewness": float(values.skew()),
        "kurtosis": float(values.kurt()),
    }


@app.get("/v1/series/{identifier}/points")
def points(identifier: str, max_points: int = 1000) -> dict[str, list[float]]:
    values = _values(identifier)
    # The least and the greatest of each bucket: a chart must not lose its peaks.
    buckets = values.groupby(np.arange(len(values)) * (max_points // 2) // len(values))
    kept = np.sort(np.concatenate((buckets.idxmin(), buckets.idxmax())))
    return {"indexes": kept.tolist(), "values": values[kept].tolist()}


def _values(identifier: str) -> pd.Series[float]:
    row = database.execute("SELECT values_ FROM series WHERE id = ?", (identifier,)).fetchone()
    if row is None:
        raise HTTPException(404)
    return pd.Series(np.frombuffer(row[0]))
