"""Where the time of one piece of work goes, step by step."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import TypeVar

from services.common.base.instants import to_ns
from services.common.media.model import Step

Item = TypeVar("Item")


class Stopwatch:
    """Adds up the wall time of named steps; a step inside another counts for itself alone."""

    def __init__(self) -> None:
        self._seconds: dict[str, float] = {}
        self._running: list[str] = []
        self._since = 0.0

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Count the time inside the block for this step."""
        self._turn()
        self._running.append(name)
        self._seconds.setdefault(name, 0.0)
        try:
            yield
        finally:
            self._turn()
            self._running.pop()

    def each(self, name: str, items: Iterable[Item]) -> Iterator[Item]:
        """The same items; the time that each of them takes to come counts for this step."""
        iterator = iter(items)
        while True:
            with self.step(name):
                try:
                    item = next(iterator)
                except StopIteration:
                    return
            yield item

    @property
    def timings(self) -> Mapping[str, timedelta]:
        """The time of each step so far, in the order in which they first began."""
        return {name: timedelta(seconds=seconds) for name, seconds in self._seconds.items()}

    @property
    def steps(self) -> tuple[Step, ...]:
        """The same, as it is stored."""
        return stored_steps(self.timings)

    def _turn(self) -> None:
        now = time.perf_counter()
        if self._running:
            self._seconds[self._running[-1]] += now - self._since
        self._since = now


def stored_steps(timings: Mapping[str, timedelta]) -> tuple[Step, ...]:
    """Where the time went, as it is stored."""
    return tuple(Step(step, to_ns(length)) for step, length in timings.items())
