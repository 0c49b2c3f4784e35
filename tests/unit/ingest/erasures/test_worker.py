"""The worker of erasures while the machine's clock is set."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import cast

import pytest

from services.common.base.instants import SECOND_NS
from services.common.base.telemetry import Metrics
from services.common.erasures.store import Erasure, Erasures
from services.ingest.erasures.worker import ErasureWorker

HOUR = 3600


class FakeErasures:
    """One erasure, which each write replaces."""

    def __init__(self, erasure: Erasure) -> None:
        self.stored = erasure

    async def write(self, erasure: Erasure) -> Erasure | None:
        if erasure.version != self.stored.version:
            return None
        self.stored = replace(erasure, version=erasure.version + 1)
        return self.stored


class Erasing:
    """An owner of nothing is erased, by a worker whose clocks the test sets."""

    def __init__(self) -> None:
        self.clock_seconds, self.elapsed_seconds = 1_700_000_000, 5
        self.erasures = FakeErasures(Erasure("one", "ann", False, self.clock_seconds * SECOND_NS))
        self.worker = ErasureWorker(
            cast(Erasures, self.erasures),
            (),
            Metrics(),
            settle=timedelta(seconds=60),
            now_ns=lambda: self.clock_seconds * SECOND_NS,
            elapsed_ns=lambda: self.elapsed_seconds * SECOND_NS,
        )

    async def work(self) -> Erasure | None:
        return await self.worker.work_on(self.erasures.stored, asyncio.Event())


@pytest.mark.parametrize(("set_by_seconds", "is_held"), [(0, True), (29, True), (30, False), (-HOUR, False)])
async def test_another_worker_waits_for_the_end_of_a_lease_but_not_for_the_clock(
    set_by_seconds: int, is_held: bool
) -> None:
    erasing = Erasing()
    await erasing.worker._write(erasing.erasures.stored)
    erasing.clock_seconds += set_by_seconds
    assert (await erasing.work() is None) is is_held


@pytest.mark.parametrize("set_by_seconds", [-HOUR, 0, HOUR])
async def test_the_wait_for_late_writes_is_as_long_when_the_clock_is_set(set_by_seconds: int) -> None:
    erasing = Erasing()
    await erasing.work()
    erasing.clock_seconds += set_by_seconds
    erasing.elapsed_seconds += 59
    waiting = await erasing.work()
    assert waiting is not None
    assert waiting.end_time_ns is None
    erasing.elapsed_seconds += 1
    done = await erasing.work()
    assert done is not None
    assert done.end_time_ns == erasing.clock_seconds * SECOND_NS


async def test_a_worker_that_meets_an_old_erasure_does_not_wait_again() -> None:
    erasing = Erasing()
    erasing.clock_seconds += 61
    done = await erasing.work()
    assert done is not None
    assert done.end_time_ns is not None
