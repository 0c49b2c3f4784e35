"""Keeps the metrics of the queue up to date."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from services.common.base.loops import pause
from services.common.base.telemetry import Metrics
from services.common.queue import Queue, Topic

PAUSE_SECONDS = 1.0


class QueueDepths:
    """Counts what waits and what was given up, topic by topic."""

    def __init__(
        self, queue: Queue, topics: Sequence[Topic], metrics: Metrics, pause_seconds: float = PAUSE_SECONDS
    ) -> None:
        self._queue = queue
        self._topics = topics
        self._metrics = metrics
        self._pause_seconds = pause_seconds

    async def run(self, stopping: asyncio.Event) -> None:
        """Counts until the service stops."""
        while not stopping.is_set():
            for topic in self._topics:
                self._metrics.queue_depth.labels(topic.name).set(await self._queue.depth(topic))
                self._metrics.dead_letters.labels(topic.name).set(await self._queue.dead_count(topic))
            await pause(self._pause_seconds, stopping)
