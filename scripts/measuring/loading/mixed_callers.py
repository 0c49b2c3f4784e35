"""Callers that drop readings, upload photos and videos, invite and delete, and remember what was acknowledged."""

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

from tests.support.media_samples import video_bytes

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

    def __init__(
        self,
        url: str,
        count: int,
        headers: Mapping[str, str] | None = None,
        *,
        is_mixed: bool = False,
        first: int = 0,
    ) -> None:
        """The first caller uploads photos; with `is_mixed` also videos, and it makes invites and deletes media.

        Callers that count from different numbers on write different things.
        """
        self.phases = [Phase("before")]
        self.names: list[str] = []
        self.deleted: set[str] = set()
        self._is_mixed = is_mixed
        self._url = url
        self._headers = dict(headers or {})
        self._numbers = itertools.count(first)
        self._uploads = first
        self._last_photo: str | None = None
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
                    name = self._upload(http) if uploads_photos else _drop(http, number)
                except (httpx.HTTPError, _Refused) as error:
                    phase.refused[str(error) if isinstance(error, _Refused) else type(error).__name__] += 1
                    phase.slowest_refusal = max(phase.slowest_refusal, time.monotonic() - began)
                    time.sleep(REFUSED_PAUSE_SECONDS)
                else:
                    phase.acknowledged += 1
                    self.names.append(name)
                    time.sleep(PHOTO_PAUSE_SECONDS if uploads_photos else PAUSE_SECONDS)

    def _upload(self, http: httpx.Client) -> str:
        self._uploads += 1
        if not self._is_mixed:
            return _upload_photo(http, self._uploads)
        match self._uploads % 10:
            case 3:
                return str(_answer(http.post("/v1/invites", json={"display_name": "load"}))["name"])
            case 5 if self._uploads % 50 == 5:
                return _upload_video(http, self._uploads)
            case 7 if (name := self._last_photo) is not None:
                self._last_photo = None
                # Where the answer is lost, it may be deleted or not.
                self.names.remove(name)
                _answer(http.delete(f"/v1/{name}"))
                self.deleted.add(name)
                return name
        self._last_photo = _upload_photo(http, self._uploads)
        return self._last_photo


class _Refused(Exception):
    """An answer that is no success."""


def _drop(http: httpx.Client, number: int) -> str:
    seconds = 1_600_000_000 + number
    instant = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
    raw = json.dumps({"time_stamp": instant, "data": [number, number + 1]}).encode()
    # Every tenth lives in the objects.
    content = raw.ljust(70_000) if number % 10 == 0 else raw
    return str(_answer(http.post("/v1/measurements", content=content))["receipt"]["name"])


def _upload_photo(http: httpx.Client, number: int) -> str:
    output = io.BytesIO()
    Image.effect_noise((200, 150), 40 + number % 100).save(output, "JPEG", comment=f"photo {number}")
    return _upload(http, output.getvalue())


def _upload_video(http: httpx.Client, number: int) -> str:
    return _upload(http, video_bytes("mp4", frames=30, tags={"comment": f"video {number}"}))


def _upload(http: httpx.Client, content: bytes) -> str:
    return str(_answer(http.post("/v1/media", content=content))["results"][0]["media"]["name"])


def _answer(response: httpx.Response) -> Any:
    if response.is_success:
        return response.json()
    try:
        details = response.json()["details"]
        reason = next(detail["reason"] for detail in details if "reason" in detail)
    except (ValueError, KeyError, StopIteration):
        reason = f"HTTP {response.status_code}"
    raise _Refused(reason)
