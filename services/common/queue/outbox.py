"""Brings stored items into the queue: soon and in batches, and by a sweep those that a crash left out."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Generic, Protocol, TypeVar

from services.common.base.errors import DropmeshError
from services.common.base.instants import to_ns
from services.common.base.loops import pause, wait_for_any

SWEEP_SECONDS = 5.0
# What a sweep published and no worker changed may just have to wait for its turn.
SWEPT_AGAIN_AFTER = timedelta(minutes=5)
log = logging.getLogger(__name__)


class Stored(Protocol):
    """A document of the catalog; its version grows with each change."""

    @property
    def id(self) -> str: ...
    @property
    def version(self) -> int: ...


Item = TypeVar("Item", bound=Stored)


class Unqueued(Protocol[Item]):
    """How one noun is published, and found again."""

    async def publish(self, items: Sequence[Item]) -> None:
        """Puts items into the queue; publishing one twice does no harm."""
        ...

    async def find(self) -> Sequence[Item]:
        """Returns some of the items that should be in the queue and seem not to be, oldest first."""
        ...


class Outbox(Generic[Item]):
    """While one batch is being published, and shortly after, items gather for the next.

    Items are stored before they are added, so nothing is lost with this process or the queue: the sweep of this or
    another process finds them in the catalog.
    """

    def __init__(self, noun: str, unqueued: Unqueued[Item], now_ns: Callable[[], int], *, gather: timedelta) -> None:
        self._noun = noun
        self._unqueued = unqueued
        self._now_ns = now_ns
        self._gather_seconds = gather.total_seconds()
        self._waiting: list[Item] = []
        self._added = asyncio.Event()
        self._swept_ns: dict[tuple[str, int], int] = {}

    def add(self, item: Item) -> None:
        """Has a stored item published soon; returns at once."""
        self._waiting.append(item)
        self._added.set()

    async def publish_waiting(self) -> None:
        """Publishes what was added until now."""
        items, self._waiting = self._waiting, []
        self._added.clear()
        if not items:
            return
        try:
            await self._unqueued.publish(items)
        except DropmeshError as error:
            extra = {"count": len(items), "cause": getattr(error, "cause", error.message)}
            log.warning("%s were not queued; the sweep will do it", self._noun, extra=extra)

    async def sweep(self) -> int:
        """Publishes items that are stored and not queued; returns how many."""
        now_ns = self._now_ns()
        again_ns = now_ns - to_ns(SWEPT_AGAIN_AFTER)
        self._swept_ns = {key: swept_ns for key, swept_ns in self._swept_ns.items() if swept_ns > again_ns}
        lost = [item for item in await self._unqueued.find() if (item.id, item.version) not in self._swept_ns]
        if lost:
            await self._unqueued.publish(lost)
            self._swept_ns.update({(item.id, item.version): now_ns for item in lost})
            log.warning("%s that were stored and not queued are queued now", self._noun, extra={"count": len(lost)})
        return len(lost)

    async def run(self, stopping: asyncio.Event) -> None:
        """Publishes what is added, until the service stops; the first item after a quiet moment does not wait."""
        while not stopping.is_set():
            await wait_for_any(stopping, self._added)
            await self.publish_waiting()
            await pause(self._gather_seconds, stopping)

    async def run_sweep(self, stopping: asyncio.Event) -> None:
        """Sweeps until the service stops."""
        while not stopping.is_set():
            while not stopping.is_set() and await self.sweep():
                pass
            await pause(SWEEP_SECONDS, stopping)
