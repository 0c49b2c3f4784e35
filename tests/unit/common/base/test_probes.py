from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from services.common.base.errors import StoreUnavailable
from services.common.base.probes import ANSWERS, Ask, StoreProbe
from services.common.base.telemetry import Metrics


class Store:
    """A store that answers, refuses or hangs."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.asked = 0
        self.is_open = asyncio.Event()
        self.is_open.set()

    async def ask(self) -> None:
        self.asked += 1
        await self.is_open.wait()
        if self.error is not None:
            raise self.error


@asynccontextmanager
async def probing(ask: Ask, metrics: Metrics) -> AsyncIterator[StoreProbe]:
    probe = StoreProbe("catalog", ask, metrics, pause_seconds=0.001, patience_seconds=0.02)
    stopping = asyncio.Event()
    task = asyncio.create_task(probe.run(stopping))
    try:
        async with asyncio.timeout(10):
            yield probe
    finally:
        stopping.set()
        await task


async def state(probe: StoreProbe, begins: str) -> None:
    while not probe.state.startswith(begins):  # noqa: ASYNC110
        await asyncio.sleep(0.001)


async def test_a_store_that_refuses_is_named_with_the_cause_until_it_answers() -> None:
    store, metrics = Store(), Metrics()
    async with probing(store.ask, metrics) as probe:
        store.error = StoreUnavailable("catalog", "connection refused")
        await state(probe, "does not answer: connection refused")
        assert metrics.registry.get_sample_value("dropmesh_store_answers", {"store": "catalog"}) == 0
        store.error = None
        await state(probe, ANSWERS)
        assert metrics.registry.get_sample_value("dropmesh_store_answers", {"store": "catalog"}) == 1


async def test_a_store_that_hangs_is_asked_once() -> None:
    store = Store()
    async with probing(store.ask, Metrics()) as probe:
        store.is_open.clear()
        await state(probe, "does not answer")
        asked = store.asked
        await asyncio.sleep(0.05)
        assert store.asked == asked
        store.is_open.set()
        await state(probe, ANSWERS)


async def test_a_question_that_hangs_for_good_is_given_up_and_asked_again() -> None:
    asked = 0

    async def ask() -> None:
        nonlocal asked
        asked += 1
        if asked == 1:
            # Not even the store's answer ends it: a driver has lost the wake-up.
            await asyncio.Event().wait()

    probe = StoreProbe("catalog", ask, Metrics(), pause_seconds=0.001, patience_seconds=0.02, hung_seconds=0.1)
    stopping = asyncio.Event()
    task = asyncio.create_task(probe.run(stopping))
    async with asyncio.timeout(10):
        await state(probe, "does not answer")
        await state(probe, ANSWERS)
    stopping.set()
    await task
