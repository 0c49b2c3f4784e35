from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, cast

import pytest

from services.common.base.errors import InvalidArgument, StoreUnavailable
from services.common.media.model import Content, Media, Metadata
from services.common.media.topics import PHOTO_WORK
from services.common.media.vocabulary import MediaKind, MediaState
from services.common.media.work import MediaWork
from services.common.queue import Claim, Queue
from services.processor.media.holding import Holding, Pace

CONTENT = Content("0" * 64, "key", "holder", "jpeg", "image/jpeg", 1)
MEDIA = Media("id", "ann", MediaState.PROCESSING, MediaKind.IMAGE, "a.jpg", 1, 1, CONTENT, Metadata(4, 3), run=1)
CLAIM = Claim(PHOTO_WORK, b"id", 1, "token")
PACE = Pace(look_seconds=0.005, heartbeat_seconds=0.01)


class Work:
    """The catalog's side of a lease; `extend` is the test's."""

    def __init__(self, extend: Callable[[], Awaitable[bool]] | None = None) -> None:
        self._extend = extend
        self.is_mine = True
        self.extended = 0
        self.progress_made: list[tuple[int, int]] = []
        self.is_extended_again = asyncio.Event()

    async def is_current(self, media_id: str, run: int) -> bool:
        return self.is_mine

    async def progress(self, media_id: str, run: int, *, frames_done: int, frames_total: int, **_: Any) -> bool:
        self.progress_made.append((frames_done, frames_total))
        return self.is_mine

    async def extend(self, media_id: str, run: int, *, now_ns: int) -> bool:
        self.extended += 1
        if self.extended > 1:
            self.is_extended_again.set()
        return self.is_mine if self._extend is None else await self._extend()


class Messages:
    """The queue's side."""

    async def extend(self, claim: Claim, lease: timedelta) -> bool:
        return True


def holding(work: Work) -> Holding:
    return Holding(MEDIA, CLAIM, cast(MediaWork, work), cast(Queue, Messages()), lambda: 1, PACE)


async def test_both_leases_are_extended_until_the_work_ends() -> None:
    work = Work()

    async def waits() -> str:
        await work.is_extended_again.wait()
        return "done"

    async with asyncio.timeout(10):
        assert await holding(work).during(waits()) == "done"


async def test_a_lease_is_not_kept_where_a_driver_swallows_the_cancellation() -> None:
    swallowed = asyncio.Event()

    async def swallows() -> bool:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            swallowed.set()
        return True

    work = Work(swallows)
    running = asyncio.create_task(holding(work).during(asyncio.sleep(3600)))
    while not work.extended:  # noqa: ASYNC110
        await asyncio.sleep(0.001)
    running.cancel()
    async with asyncio.timeout(10):
        with pytest.raises(asyncio.CancelledError):
            await running
    assert swallowed.is_set()
    after = work.extended
    await asyncio.sleep(10 * PACE.heartbeat_seconds)
    assert work.extended == after


async def test_a_cancellation_that_a_driver_raised_ends_nothing() -> None:
    async def cancelled_by_a_driver() -> bool:
        answer: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        answer.cancel()
        return await answer

    work = Work(cancelled_by_a_driver)

    async def waits() -> str:
        await work.is_extended_again.wait()
        return "done"

    async with asyncio.timeout(10):
        assert await holding(work).during(waits()) == "done"


async def test_a_store_that_is_away_stops_no_work() -> None:
    async def is_away() -> bool:
        raise StoreUnavailable("catalog", "gone")

    work = Work(is_away)

    async def waits() -> str:
        await work.is_extended_again.wait()
        return "done"

    async with asyncio.timeout(10):
        assert await holding(work).during(waits()) == "done"


async def test_work_on_a_media_that_went_another_way_is_cancelled() -> None:
    work = Work()
    work.is_mine = False
    async with asyncio.timeout(10):
        assert await holding(work).during(asyncio.sleep(3600)) is None


async def test_what_the_work_raises_is_raised() -> None:
    async def fails() -> None:
        raise InvalidArgument(0, "bad")

    with pytest.raises(InvalidArgument):
        await holding(Work()).during(fails())


async def test_the_last_progress_is_reported() -> None:
    work = Work()
    held = holding(work)

    async def reports() -> None:
        held.report((1, 10))
        held.report((3, 10))
        while not work.progress_made:  # noqa: ASYNC110
            await asyncio.sleep(0.001)

    async with asyncio.timeout(10):
        await held.during(reports())
    assert work.progress_made == [(3, 10)]
