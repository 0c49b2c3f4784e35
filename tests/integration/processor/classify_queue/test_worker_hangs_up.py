from __future__ import annotations

import asyncio

import pytest
import uvloop
from dropmesh.v1.classification_pb2 import ClassificationProfile as Profile

from services.common.base.telemetry import Metrics
from services.processor.classify_queue import worker as module
from services.processor.classify_queue.answering import Answering
from services.processor.classify_queue.worker import ClassifyWorker
from tests.support.hanging_up import hangs_up


# A connection that was cut while it was made leaves its closing to the garbage collector, which complains.
@pytest.mark.filterwarnings("ignore:Exception ignored in.*Connection.close:pytest.PytestUnraisableExceptionWarning")
def test_a_broker_that_hangs_up_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    async def classify(*_: object) -> None:
        raise AssertionError

    async def run_for_a_while(url: str) -> None:
        profile = Profile()
        worker = ClassifyWorker(
            url, profile, Answering(profile, classify, max_bytes=1000), at_once=1, metrics=Metrics()
        )
        stopping = asyncio.Event()
        running = asyncio.create_task(worker.run(stopping))
        await asyncio.sleep(0.5)
        assert not running.done()
        stopping.set()
        await running

    monkeypatch.setattr(module, "PAUSE_SECONDS", 0.005)
    with hangs_up() as url:
        uvloop.run(run_for_a_while(url))
