"""A circuit breaker for a store on another machine: callers are refused at once while it does not answer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from services.common.base.errors import StoreUnavailable
from services.common.base.probes import ANSWERS

T = TypeVar("T")

ANSWERED_LATELY_SECONDS = 1.0


class Breaker:
    """Opens when the probe calls the store silent and no operation succeeded lately; closes when the probe is answered.

    An operation under way when it opens fails too: it may or may not be applied, as after a lost connection. It is
    cancelled, unless the store's driver does not stand that (`cancels`): then it goes on until its own timeout.
    """

    def __init__(self, store: str, clock: Callable[[], float] = time.monotonic, *, cancels: bool = True) -> None:
        self._store = store
        self._cancels = cancels
        self._clock = clock
        self._cause: str | None = None
        self._answered = clock()
        self._opened = asyncio.Event()

    def heard(self, state: str) -> None:
        """Takes the state that the probe saw."""
        if state == ANSWERS:
            self._cause = None
            self._opened.clear()
        elif self._clock() - self._answered > ANSWERED_LATELY_SECONDS:
            self._cause = state
            self._opened.set()

    async def run(self, operation: Coroutine[Any, Any, T]) -> T:
        """Awaits an operation of the store; raises StoreUnavailable if the breaker is open or opens meanwhile."""
        if self._cause is not None:
            operation.close()
            raise StoreUnavailable(self._store, self._cause)
        task = asyncio.ensure_future(operation)
        opened = asyncio.ensure_future(self._opened.wait())
        try:
            await asyncio.wait((task, opened), return_when=asyncio.FIRST_COMPLETED)
        finally:
            opened.cancel()
            if is_left := not task.done():
                _leave(task, cancels=self._cancels)
        if is_left:
            raise StoreUnavailable(self._store, self._cause_now())
        result = await task
        self._answered = self._clock()
        return result

    def _cause_now(self) -> str:
        # It may have closed again since.
        return "did not answer in time" if self._cause is None else self._cause


def _leave(task: asyncio.Future[Any], *, cancels: bool) -> None:
    """Does not wait for an operation any more: a driver may hold it until its own timeout."""
    task.add_done_callback(lambda done: done.cancelled() or done.exception())
    if cancels:
        task.cancel()
