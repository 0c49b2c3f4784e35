from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from services.common.catalog.opening import open_catalog
from services.common.queue import Topic
from services.common.settings import Settings
from services.common.stores.open import open_queue


@pytest.fixture(params=["embedded", "rabbitmq"])
def queue_settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """A queue of each kind."""
    url = "embedded" if request.param == "embedded" else request.getfixturevalue("amqp_url")
    return Settings(data=tmp_path, queue=url)


@pytest.fixture
async def opened(queue_settings: Settings):
    """Opens the queue as another process would; closed after the test."""
    closers = []

    async def open_one():
        catalog = await open_catalog(queue_settings.catalog_url, ())
        queue = await open_queue(queue_settings, catalog)
        closers.append((queue, catalog))
        return queue

    yield open_one
    for queue, catalog in closers:
        await queue.close()
        await catalog.close()


@pytest.fixture
async def queue(opened):
    return await opened()


@pytest.fixture
def topic() -> Topic:
    """A topic that no other test has."""
    return Topic(f"test.{uuid.uuid4().hex}", max_attempts=3)
