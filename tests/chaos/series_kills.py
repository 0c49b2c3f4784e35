"""kill -9 of ingest at random points of stores and appends: every acknowledged point is there once, no half of a body.

`scripts/load series-kills` does it at length; the suite does it briefly.
"""

from __future__ import annotations

import io
import os
import random
import signal
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import httpx
import numpy as np

from tests.chaos.writes import PATIENCE_SECONDS, PAUSE_SECONDS, recovers
from tests.e2e.mesh import Mesh

CALLERS = 3
# Some bodies are a part of a chunk, some are several chunks.
MOST_POINTS = 300_000
# As many as a store or an append on an idle machine takes.
KILL_WITHIN_SECONDS = 0.15
TRY_SECONDS = 120.0
# Then a caller begins another series.
WRITES_OF_A_SERIES = 8


@dataclass
class SeriesOutcome:
    """The writes that were acknowledged, and the faults in what can be read."""

    kills: int = 0
    acknowledged: int = 0
    resent: int = 0
    checked_points: int = 0
    faults: list[str] = field(default_factory=list)


class _Caller:
    """Stores a series and appends to it; a write that was not answered is sent again with its request id."""

    def __init__(self, mesh: Mesh, seed: int, outcome: SeriesOutcome) -> None:
        self._http = httpx.Client(base_url=mesh.url, timeout=PATIENCE_SECONDS)
        self._random = np.random.default_rng(seed)
        self._outcome = outcome
        self._name = ""
        self._values = np.empty(0)
        self._writes = 0

    def write(self) -> None:
        """One store or append, until it is acknowledged."""
        if self._writes == WRITES_OF_A_SERIES:
            self.check()
            self._name, self._values, self._writes = "", np.empty(0), 0
        self._writes += 1
        values = self._random.normal(size=self._random.integers(1, MOST_POINTS))
        body = io.BytesIO()
        np.save(body, values)
        path = f"/v1/{self._name}:append" if self._name else "/v1/series"
        asked = {"request_id": str(uuid.uuid4())}
        until = time.monotonic() + TRY_SECONDS
        while not (answer := self._sent(path, asked, body.getvalue())):
            if time.monotonic() > until:
                self._outcome.faults.append(f"{path}: not acknowledged within {TRY_SECONDS:g} s")
                return
            self._outcome.resent += 1
            time.sleep(PAUSE_SECONDS)
            self._look(values)
        self._name = str(answer["name"])
        self._values = np.concatenate((self._values, values))
        self._outcome.acknowledged += 1

    def check(self) -> None:
        """Reads the whole series; what was cut off, by a store that was away say, is read again."""
        until = time.monotonic() + TRY_SECONDS
        while (found := self._points()) is None:
            if time.monotonic() > until:
                self._outcome.faults.append(f"{self._name}: not read within {TRY_SECONDS:g} s")
                return
            time.sleep(PAUSE_SECONDS)
        self._outcome.checked_points += len(found)
        if not np.array_equal(found, self._values):
            self._outcome.faults.append(f"{self._name}: {len(found)} points, {len(self._values)} were acknowledged")

    def close(self) -> None:
        """Hangs up."""
        self._http.close()

    def _sent(self, path: str, asked: dict[str, str], body: bytes) -> dict[str, object] | None:
        try:
            answer = self._http.post(path, params=asked, content=body)
        except httpx.TransportError:
            return None
        if answer.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
            return None
        told: dict[str, object] = answer.raise_for_status().json()
        return told

    def _look(self, under_way: np.ndarray) -> None:
        """A reader sees the body that is under way whole or not at all."""
        found = self._points() if self._name else None
        if found is not None and len(found) not in (len(self._values), len(self._values) + len(under_way)):
            self._outcome.faults.append(f"{self._name}: a reader saw {len(found)} points amid an append")

    def _points(self) -> np.ndarray | None:
        try:
            answer = self._http.get(f"/v1/{self._name}/points", params={"format": "npy"})
        except httpx.TransportError:
            return None
        return np.load(io.BytesIO(answer.content)) if answer.status_code == httpx.codes.OK else None


def kill_while_storing(mesh: Mesh, writes: int, seed: int) -> SeriesOutcome:
    """Makes so many writes, and kills ingest amid about every third."""
    choose, outcome = random.Random(seed), SeriesOutcome()
    callers = [_Caller(mesh, seed + number, outcome) for number in range(CALLERS)]
    with ThreadPoolExecutor(CALLERS) as threads:
        for _ in range(-(-writes // CALLERS)):
            written = [threads.submit(caller.write) for caller in callers]
            time.sleep(choose.uniform(0, KILL_WITHIN_SECONDS))
            if process := mesh.service("ingest"):
                os.kill(process, signal.SIGKILL)
                outcome.kills += 1
            for each in written:
                each.result()
    recovers(mesh)
    for caller in callers:
        caller.check()
        caller.close()
    return outcome
