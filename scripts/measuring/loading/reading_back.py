"""Reads accepted drops back: each is looked for, and its numbers are compared."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Iterable
from dataclasses import dataclass

from scripts.measuring.loading.drop_requests import DropSeries
from scripts.measuring.loading.http_load import LoadResult
from scripts.measuring.loading.mesh import LoadedMesh

ACCEPTED = 202


@dataclass(frozen=True, slots=True)
class ReadBack:
    """How many accepted drops were looked for, and what was wrong."""

    accepted: int
    lost: int
    wrong: int
    seconds: float


def read_back(mesh: LoadedMesh, sent: Iterable[tuple[DropSeries, LoadResult]], within_seconds: float) -> ReadBack:
    """Looks for every accepted drop, again until all are there or the time is over."""
    wanted: dict[str, tuple[int, float]] = {}
    for series, result in sent:
        for status, (time_, count, mean) in zip(result.statuses.tolist(), series.measurements(), strict=True):
            if status == ACCEPTED:
                wanted[time_] = (count, mean)
    began = time.perf_counter()
    while True:
        found = _measurements(mesh)
        lost = sum(instant not in found for instant in wanted)
        seconds = time.perf_counter() - began
        if not lost or seconds > within_seconds:
            wrong = sum(found.get(instant, numbers) != numbers for instant, numbers in wanted.items())
            return ReadBack(len(wanted), lost, wrong, seconds)
        time.sleep(0.5)


def _measurements(mesh: LoadedMesh) -> dict[str, tuple[int, float]]:
    found = {}
    address = f"{mesh.url}/v1/measurements:export?format=NDJSON"
    with urllib.request.urlopen(address, timeout=300) as answer:  # noqa: S310 - our own mesh
        for line in answer:
            row = json.loads(line)
            found[row["time"]] = (row["count"], row["mean"])
    return found
