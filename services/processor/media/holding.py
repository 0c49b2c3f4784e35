"""A worker's hold on the media that it works on: two leases that are extended, progress that is reported."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

from services.common.base.errors import DropmeshError
from services.common.base.loops import is_cancelled, pause
from services.common.media.model import Media
from services.common.media.work import LEASE, MediaWork
from services.common.queue import Claim, Queue

T = TypeVar("T")
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Pace:
    """How often a worker does what it does beside the work."""

    look_seconds: float = 0.5
    """It notices that its media was cancelled or deleted, and reports how far it is."""
    heartbeat_seconds: float = 3.0
    """It extends its leases."""
    retry_after: timedelta = timedelta(seconds=2)
    """It puts off what may go better later."""
    away_seconds: tuple[float, float] = (0.5, 5.0)
    """It waits before it claims again while a store is away, at first and at most."""


USUAL_PACE = Pace()


class Holding:
    """Holds one media and its message while the work lasts.

    The lease in the catalog is the one that counts. The queue's is extended beside it, so that the message is not given
    out in vain. A store that is away stops nothing: the work goes on until another worker takes the media.
    """

    def __init__(
        self, media: Media, claim: Claim, work: MediaWork, queue: Queue, now_ns: Callable[[], int], pace: Pace
    ) -> None:
        self._media = media
        self._claim = claim
        self._work = work
        self._queue = queue
        self._now_ns = now_ns
        self._pace = pace
        self._reported: tuple[int, int] | None = None
        self._is_ending = False

    def report(self, progress: tuple[int, int]) -> None:
        """Has the frames done, and their number, reported soon."""
        self._reported = progress

    def end(self) -> None:
        """The run is about to end with its result: from now on, that the media left the run cancels nothing."""
        self._is_ending = True

    async def during(self, work: Coroutine[Any, Any, T]) -> T | None:
        """Runs the work; cancels it and returns None when the media went another way meanwhile."""
        ended = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            working = group.create_task(_outcome(work))
            working.add_done_callback(lambda _: ended.set())
            group.create_task(self._hold(working, ended))
        if working.cancelled():
            return None
        result, fault = working.result()
        if fault is not None:
            raise fault
        return result

    async def _hold(self, working: asyncio.Task[Any], ended: asyncio.Event) -> None:
        # `ended` is looked at in each round: a driver may swallow a cancellation, and that must not keep the lease.
        clock = asyncio.get_running_loop().time
        extended = clock()
        while not await pause(self._pace.look_seconds, ended):
            try:
                if clock() - extended < self._pace.heartbeat_seconds:
                    is_mine = await self._look()
                else:
                    extended = clock()
                    is_mine = await self._extend()
            except DropmeshError as error:
                log.info("a lease could not be extended", extra={"media": self._media.id, "cause": error.message})
                continue
            except asyncio.CancelledError:
                if is_cancelled():
                    raise
                continue
            if not is_mine:
                if not self._is_ending:
                    working.cancel()
                return

    async def _look(self) -> bool:
        if self._reported is None:
            return await self._work.is_current(self._media.id, self._media.run)
        (done, total), self._reported = self._reported, None
        return await self._work.progress(
            self._media.id,
            self._media.run,
            progress=min(0.99, done / total) if total else 0.0,
            frames_done=done,
            frames_total=total,
            now_ns=self._now_ns(),
        )

    async def _extend(self) -> bool:
        is_mine = await self._work.extend(self._media.id, self._media.run, now_ns=self._now_ns())
        await self._queue.extend(self._claim, LEASE)
        return is_mine


async def _outcome(work: Coroutine[Any, Any, T]) -> tuple[T | None, Exception | None]:
    try:
        return await work, None
    except Exception as fault:  # noqa: BLE001 - it is raised where the work is waited for
        return None, fault
