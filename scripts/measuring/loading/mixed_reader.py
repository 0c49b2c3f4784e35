"""A reader beside callers that write: it reads what was acknowledged last, again and again."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType

import httpx

from scripts.measuring.loading.mixed_callers import PATIENCE_SECONDS, Callers

READ_PAUSE_SECONDS = 0.05


@dataclass
class Reader:
    """Reads what was acknowledged, one after the other, and notes each answer that is no success."""

    url: str
    headers: Mapping[str, str]
    callers: Callers
    reads: int = 0
    failures: list[tuple[float, str]] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Reader:
        self._thread = threading.Thread(target=self._read)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _read(self) -> None:
        with httpx.Client(base_url=self.url, headers=dict(self.headers), timeout=PATIENCE_SECONDS) as http:
            while not self._stop.wait(READ_PAUSE_SECONDS):
                name = self.callers.names[-1] if self.callers.names else "media"
                self.reads += 1
                try:
                    answer = http.get(f"/v1/{name}")
                except httpx.HTTPError as error:
                    self.failures.append((time.monotonic(), type(error).__name__))
                else:
                    if not answer.is_success:
                        self.failures.append((time.monotonic(), str(answer.status_code)))
