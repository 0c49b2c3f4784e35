"""Compares ways to write, in turns: the CPU time of an operation, its median latency, and how many come through."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence

from services.common.catalog import Insert, Operation
from services.common.drops.receipts import RECEIPTS

_TURNS = 5
Way = Callable[[Sequence[Operation]], Awaitable[object]]


async def compare(
    title: str, ways: Mapping[str, Way], make: Callable[[str], Operation], callers: int, seconds: float
) -> None:
    """Has callers write one operation after the other and prints a line for each way; `make` gets a new key."""
    cpu: dict[str, list[float]] = {name: [] for name in ways}
    latencies: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(_TURNS):
        for name, way in ways.items():
            used, before = time.process_time(), len(latencies[name])
            keys = [f"{name}-{callers}-{turn}-{caller}" for caller in range(callers)]
            for found in await asyncio.gather(*(_call(way, make, key, seconds) for key in keys)):
                latencies[name] += found
            cpu[name].append((time.process_time() - used) / (len(latencies[name]) - before))
    for name in ways:
        print(
            f"{title:22} {callers:3} callers, {name:20}: {min(cpu[name]) * 1e6:6.0f} us CPU, "
            f"median {statistics.median(latencies[name]) * 1e3:6.1f} ms, "
            f"{len(latencies[name]) / seconds / _TURNS:6.0f} a second",
            flush=True,
        )


async def _call(way: Way, make: Callable[[str], Operation], key: str, seconds: float) -> list[float]:
    latencies: list[float] = []
    end = time.monotonic() + seconds
    while (start := time.monotonic()) < end:
        await way([make(f"{key}-{len(latencies)}")])
        latencies.append(time.monotonic() - start)
    return latencies


def receipt_insert(key: str) -> Insert:
    """Returns the insertion of a usual receipt."""
    document = {
        "_id": key,
        "owner": "o",
        "subject": "s",
        "state": "new",
        "sha256": b"x" * 32,
        "size_bytes": 200,
        "receive_time_ns": time.time_ns(),
        "raw": b"r" * 200,
        "object_key": None,
        "new_since_ns": time.time_ns(),
    }
    return Insert(RECEIPTS, document)
