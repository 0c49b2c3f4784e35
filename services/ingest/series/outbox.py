"""Publishes series whose points changed, so that their metrics are computed; no answer waits for it."""

from __future__ import annotations

import asyncio
import logging

from services.common.base.errors import DropmeshError
from services.common.queue import Queue
from services.common.series.topics import SERIES

# Appends that come one after the other share a message.
GATHER_SECONDS = 0.05
log = logging.getLogger(__name__)


class SeriesOutbox:
    """Metrics whose message is lost with this process are computed by the first call that needs them."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue
        self._waiting: dict[str, None] = {}
        self._has_work = asyncio.Event()

    def add(self, series_id: str) -> None:
        """Has the metrics of a series computed soon; returns at once."""
        self._waiting[series_id] = None
        self._has_work.set()

    async def run(self, stopping: asyncio.Event) -> None:
        """Publishes until the service stops, then what is left."""
        while not stopping.is_set():
            waits = [asyncio.ensure_future(event.wait()) for event in (self._has_work, stopping)]
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            for wait in waits:
                wait.cancel()
            await asyncio.sleep(GATHER_SECONDS)
            await self._publish()

    async def _publish(self) -> None:
        self._has_work.clear()
        ids, self._waiting = list(self._waiting), {}
        if not ids:
            return
        try:
            await self._queue.publish(SERIES, [series_id.encode() for series_id in ids])
        except DropmeshError as error:
            log.warning("metrics of series are computed when asked for", extra={"cause": str(error)})
