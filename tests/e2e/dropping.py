"""Drops through the edge, and the wait for what becomes of them."""

from __future__ import annotations

import time
from typing import Any

import httpx

READING = '{"time_stamp": "2019-05-01T06:00:00-04:00", "data": [0.379, 1.589, 2.188]}'
POINTS = [0.379, 1.589, 2.188]
TEN = "measurements/2019-05-01T10:00:00Z"


def drop(client: httpx.Client, raw: str | bytes, **query: str) -> httpx.Response:
    return client.post("/v1/measurements", content=raw, params=query)


def settled(client: httpx.Client, receipt: str, within_seconds: float = 30) -> dict[str, Any]:
    deadline = time.monotonic() + within_seconds
    found: dict[str, Any]
    while (found := client.get(f"/v1/{receipt}").json())["state"] == "NEW":
        assert time.monotonic() < deadline, "nobody looked into the drop"
        time.sleep(0.05)
    return found
