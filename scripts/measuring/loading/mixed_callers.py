"""Callers that drop readings and upload photos, and remember what was acknowledged."""

from __future__ import annotations

import io
import itertools
import json
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

import httpx
from PIL import Image

PATIENCE_SECONDS = 60.0
# A caller that was refused comes again after this; one that was not, after the other.
REFUSED_PAUSE_SECONDS, PAUSE_SECONDS = 0.3, 0.05
PHOTO_PAUSE_SECONDS = 0.5


@dataclass
class Phase:
    """One part of the run, as its callers saw it."""

    name: str
    acknowledged: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    slowest_refusal: float = 0.0

    def line(self) -> str:
        """For a person."""
        refused = ", ".join(f"{count} {reason}" for reason, count in self.refused.most_common()) or "none"
        slow = f"; slowest refusal {self.slowest_refusal:.1f} s" if self.refused else ""
        return f"{self.name:40} {self.acknowledged:5} acknowledged; refused: {refused}{slow}"


class Callers:
    """Threads that write until the block ends."""

    def __init__(self, url: str, count: int, headers: Mapping[str, str] | None = None) -> None:
        self.phases = [Phase("before")]
        self.names: list[str] = []
        self._url = url
        self._headers = dict(headers or {})
        self._numbers = itertools.count()
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._call, args=(number == 0,)) for number in range(count)]

    def __enter__(self) -> Callers:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def begin(self, name: str) -> None:
        """Another part of the run begins."""
        self.phases.append(Phase(name))

    def _call(self, uploads_photos: bool) -> None:
        with httpx.Client(base_url=self._url, headers=self._headers, timeout=PATIENCE_SECONDS) as http:
            while not self._stop.is_set():
                number = next(self._numbers)
                began, phase = time.monotonic(), self.phases[-1]
                try:
                    name = _upload(http, number) if uploads_photos else _drop(http, number)
                except (httpx.HTTPError, _Refused) as error:
                    phase.refused[str(error) if isinstance(error, _Refused) else type(error).__name__] += 1
                    phase.slowest_refusal = max(phase.slowest_refusal, time.monotonic() - began)
                    time.sleep(REFUSED_PAUSE_SECONDS)
                else:
                    phase.acknowledged += 1
                    self.names.append(name)
                    time.sleep(PHOTO_PAUSE_SECONDS if uploads_photos else PAUSE_SECONDS)


class _Refused(Exception):
    """An answer that is no success."""


def _drop(http: httpx.Client, number: int) -> str:
    seconds = 1_600_000_000 + number
    instant = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
    raw = json.dumps({"time_stamp": instant, "data": [number, number + 1]}).encode()
    # Every tenth lives in the objects.
    content = raw.ljust(70_000) if number % 10 == 0 else raw
    return str(_answer(http.post("/v1/measurements", content=content))["receipt"]["name"])


def _upload(http: httpx.Client, number: int) -> str:
    output = io.BytesIO()
    Image.effect_noise((200, 150), 40 + number % 100).save(output, "JPEG", comment=f"photo {number}")
    answer = _answer(http.post("/v1/media", content=output.getvalue(), headers={"content-type": "image/jpeg"}))
    return str(answer["results"][0]["media"]["name"])


def _answer(response: httpx.Response) -> Any:
    if response.is_success:
        return response.json()
    try:
        details = response.json()["details"]
        reason = next(detail["reason"] for detail in details if "reason" in detail)
    except (ValueError, KeyError, StopIteration):
        reason = f"HTTP {response.status_code}"
    raise _Refused(reason)
