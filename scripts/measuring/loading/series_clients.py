"""Clients that store, read, measure, forecast and delete series, and note how long each request took."""

from __future__ import annotations

import http.client
import io
import json
import random
import threading
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

TIMEOUT_SECONDS = 60.0
STORE = "/v1/series?sample_rate_hz=1&start_time=1970-01-01T00:00:00Z"
STORED_POINTS = 1000
KINDS = {
    "summary": 4,
    "metrics": 4,
    "metrics of a range": 1,
    "points, 1,000 of all": 3,
    "points, a range": 2,
    "points, by window": 2,
    "list": 1,
    "count": 2,
    "store 1,000": 2,
    "append 100": 1,
    "delete": 1,
    "forecast of 1,000": 1,
    "anomalies of 1,000": 1,
    "spectrum": 1,
    "plot": 1,
}
"""The kinds of requests, and their shares."""


def npy(points: int, seed: int = 1) -> bytes:
    """A body with a noisy wave."""
    time_axis = np.arange(points)
    values = np.sin(time_axis / 24) + time_axis / points + np.random.default_rng(seed).normal(0, 0.1, points)
    body = io.BytesIO()
    np.save(body, values)
    return body.getvalue()


class Connection:
    """One client's connection."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS)

    def call(self, verb: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
        """The status and the body of the answer."""
        headers = {} if body is None else {"content-type": "application/octet-stream"}
        self._connection.request(verb, path, body, headers)
        answer = self._connection.getresponse()
        return answer.status, answer.read()

    def store(self, body: bytes) -> str:
        """Stores a series; its name."""
        status, text = self.call("POST", STORE, body)
        if status != http.HTTPStatus.CREATED:
            raise RuntimeError(f"a series was answered with {status}: {text[:300]!r}")
        return self.name_of(text)

    @staticmethod
    def name_of(answer: bytes) -> str:
        """The name of a series as it was answered."""
        return str(json.loads(answer)["name"])


class Clients:
    """Threads that ask until the time is over, each with a pause between its requests."""

    def __init__(self, port: int, series: Mapping[int, str], pause_seconds: float) -> None:
        self._port = port
        self._series = series
        self._pause = pause_seconds
        self.seconds: dict[str, list[float]] = defaultdict(list)
        self.refused: dict[str, list[int]] = defaultdict(list)

    def ask_each(self) -> dict[str, float]:
        """Asks once for each kind; the first request of a kind imports what it needs."""
        connection, chance, took = Connection(self._port), random.Random(0), {}  # noqa: S311 - it picks requests
        own = [connection.store(npy(STORED_POINTS)), connection.store(npy(STORED_POINTS, 2))]
        for kind in KINDS:
            verb, path, body = self._request(kind, chance, own)
            began = time.perf_counter()
            connection.call(verb, path, body)
            took[kind] = time.perf_counter() - began
        return took

    def run(self, count: int, seconds: float) -> None:
        """So many clients at once."""
        until = time.monotonic() + seconds
        threads = [threading.Thread(target=self._ask, args=(number, until)) for number in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _ask(self, number: int, until: float) -> None:
        chance = random.Random(number)  # noqa: S311 - it picks requests
        connection = Connection(self._port)
        own = [connection.store(npy(STORED_POINTS, number))]
        kinds, weights = list(KINDS), list(KINDS.values())
        while time.monotonic() < until:
            time.sleep(chance.uniform(0, 2 * self._pause))
            kind = chance.choices(kinds, weights)[0]
            if kind == "delete" and len(own) == 1:
                # The one that it appends to.
                kind = "store 1,000"
            verb, path, body = self._request(kind, chance, own)
            began = time.perf_counter()
            status, text = connection.call(verb, path, body)
            self.seconds[kind].append(time.perf_counter() - began)
            if status >= http.HTTPStatus.BAD_REQUEST:
                self.refused[kind].append(status)
            elif kind == "store 1,000":
                own.append(connection.name_of(text))

    def _request(self, kind: str, chance: random.Random, own: list[str]) -> tuple[str, str, bytes | None]:
        points = chance.choice(tuple(self._series))
        name = self._series[points]
        first = chance.randrange(max(1, points - 500))
        span = f"start={_instant(first)}&end={_instant(first + 500)}"
        smallest = self._series[min(self._series)]
        window = max(1, points // 500)
        paths = {
            "summary": f"/v1/{name}",
            "metrics": f"/v1/{name}/metrics",
            "metrics of a range": f"/v1/{name}/metrics?{span}",
            "points, 1,000 of all": f"/v1/{name}/points?max_points=1000",
            "points, a range": f"/v1/{name}/points?{span}",
            "points, by window": f"/v1/{name}/points?window={window}s",
            "list": "/v1/series?page_size=50",
            "count": "/v1/series:count",
            "forecast of 1,000": f"/v1/{smallest}/forecast?horizon={chance.randint(1, 200)}",
            "anomalies of 1,000": f"/v1/{smallest}/anomalies",
            "spectrum": f"/v1/{name}/spectrum?segment_points=1024",
            "plot": f"/v1/{smallest}/plot.svg",
        }
        if kind in paths:
            return "GET", paths[kind], None
        if kind == "append 100":
            return "POST", f"/v1/{own[0]}:append", npy(100, chance.randrange(1000))
        if kind == "delete":
            return "DELETE", f"/v1/{own.pop()}", None
        return "POST", STORE, npy(STORED_POINTS, chance.randrange(1 << 30))


def _instant(second: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(second))


def percentile(seconds: Sequence[float], percent: float) -> float:
    """In milliseconds."""
    return 1000 * float(np.percentile(seconds, percent, method="higher"))
