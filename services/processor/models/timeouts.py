"""How long a pull may wait: for one answer, in total, and for a host that did not answer before."""

from __future__ import annotations

import time
from collections.abc import Callable
from urllib.parse import urlsplit

from services.processor.models.errors import SourceFailed


class Timeouts:
    """Computes timeouts; raises `SourceFailed` when there is no time left or the host is known to be unreachable.

    `silence_seconds` bounds each wait for a connection or for the next bytes, `total_seconds` all waits together.
    A host that could not be reached once is not asked again.
    """

    def __init__(
        self,
        silence_seconds: float,
        total_seconds: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._silence_seconds = silence_seconds
        self._clock = clock
        self._until = None if total_seconds is None else clock() + total_seconds
        self._unreachable: set[str] = set()

    def timeout_seconds(self, source: str) -> float:
        """How long to wait for the next answer of a source."""
        left = self.left_seconds(source)
        return self._silence_seconds if left is None else min(self._silence_seconds, left)

    def left_seconds(self, source: str) -> float | None:
        """How long everything may still take; None when that is not bounded."""
        if self._until is None:
            return None
        left = self._until - self._clock()
        if left <= 0:
            raise SourceFailed(source, "there was no time left; what was fetched is kept for the next pull")
        return left

    def require_reachable(self, url: str) -> None:
        """Raise where the URL's host did not answer before."""
        if (host := _host(url)) in self._unreachable:
            raise SourceFailed(url, f"{host} could not be reached")

    def give_up(self, url: str) -> None:
        """Remember that the URL's host cannot be reached."""
        self._unreachable.add(_host(url))


def _host(url: str) -> str:
    return urlsplit(url).netloc
