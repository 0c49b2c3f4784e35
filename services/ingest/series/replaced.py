"""Objects that a newer one took the place of: deleted a little later, since a reader may be on its way to them."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Sequence

from services.common.base.errors import DropmeshError
from services.common.objects import Objects

# A read of many chunks that takes longer begins again, or fails and is retried.
READ_SECONDS = 30.0
ROUND_SECONDS = 5.0
log = logging.getLogger(__name__)


class ReplacedObjects:
    """Remembers them in this process; those of a process that ends are found by the sweep."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._waiting: deque[tuple[float, str]] = deque()

    def add(self, keys: Sequence[str]) -> None:
        """Has objects deleted later."""
        due = time.monotonic() + READ_SECONDS
        self._waiting.extend((due, key) for key in keys)

    async def run(self, stopping: asyncio.Event) -> None:
        """Deletes what is due until the service stops."""
        while not stopping.is_set():
            due = []
            while self._waiting and self._waiting[0][0] <= time.monotonic():
                due.append(self._waiting.popleft()[1])
            try:
                await self._objects.delete(due)
            except DropmeshError as error:
                log.warning("replaced chunks stay for the sweep", extra={"cause": str(error)})
            try:
                await asyncio.wait_for(stopping.wait(), ROUND_SECONDS)
            except TimeoutError:
                continue
