"""Asks each store every second whether it answers, so that a service knows when it cannot do its work."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from services.common.base.errors import DropmeshError, StoreCorrupt, StoreFull
from services.common.base.loops import pause
from services.common.base.telemetry import Metrics

PAUSE_SECONDS = 1.0
# A busy process may miss one answer: a store is silent after two, and asked again soon.
SILENT_PAUSE_SECONDS = 0.25
PATIENCE_SECONDS = 0.8
SILENT_LOOKS = 2
# Longer than a driver's own limits: a question that hangs on is given up, and another one asked.
HUNG_SECONDS = 30.0
ANSWERS = "answers"
SILENT = "does not answer"
DAMAGED = "is damaged"
FULL = "is full"

Ask = Callable[[], Awaitable[object]]
Hear = Callable[[str], None]


class StoreProbe:
    """One store. A question that hangs is asked again only once it is given up; `hear` takes each state seen."""

    def __init__(
        self,
        store: str,
        ask: Ask,
        metrics: Metrics,
        hear: Hear | None = None,
        *,
        pause_seconds: float = PAUSE_SECONDS,
        patience_seconds: float = PATIENCE_SECONDS,
        hung_seconds: float = HUNG_SECONDS,
    ) -> None:
        self.store = store
        self.state = ANSWERS
        self._ask = ask
        self._metrics = metrics
        self._hear = hear
        self._pause_seconds = pause_seconds
        self._patience_seconds = patience_seconds
        self._hung_seconds = hung_seconds
        self._silent_looks = 0
        self._asking: asyncio.Task[str] | None = None
        self._asked_seconds = 0.0

    async def run(self, stopping: asyncio.Event) -> None:
        """Asks until the service stops."""
        try:
            while not stopping.is_set():
                seen = await self._answer()
                self._silent_looks = 0 if seen == ANSWERS else self._silent_looks + 1
                if self._silent_looks == 0 or self._silent_looks >= SILENT_LOOKS:
                    self.state = seen
                answers = self.state == ANSWERS
                self._metrics.store_answers.labels(self.store).set(answers)
                if self._hear is not None:
                    self._hear(self.state)
                await pause(SILENT_PAUSE_SECONDS if self._silent_looks else self._pause_seconds, stopping)
        finally:
            if self._asking is not None:
                self._asking.cancel()

    async def _answer(self) -> str:
        clock = asyncio.get_running_loop().time
        if self._asking is None:
            self._asking, self._asked_seconds = asyncio.create_task(self._outcome()), clock()
        done, _ = await asyncio.wait({self._asking}, timeout=self._patience_seconds)
        self._metrics.store_answer_seconds.labels(self.store).set(clock() - self._asked_seconds)
        if not done:
            if clock() - self._asked_seconds > self._hung_seconds:
                self._asking = None
            return SILENT
        asked, self._asking = self._asking, None
        return SILENT if asked.cancelled() else asked.result()

    async def _outcome(self) -> str:
        try:
            await self._ask()
        except DropmeshError as error:
            if isinstance(error, StoreFull):
                return FULL
            fault = DAMAGED if isinstance(error, StoreCorrupt) else SILENT
            return f"{fault}: {getattr(error, 'cause', error.message)}"
        return ANSWERS
