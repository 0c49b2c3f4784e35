"""The stores of two processes, for tests of events: without a server, and on MongoDB with RabbitMQ."""

from __future__ import annotations

import time
import uuid
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import pytest

from services.common.base.ids import new_id
from services.common.catalog import Catalog
from services.common.catalog.opening import open_catalog
from services.common.events.announcing import Announcer
from services.common.media import transitions
from services.common.media.model import Content, Media, Metadata
from services.common.media.store import MediaStore
from services.common.media.transitions import Findings
from services.common.media.vocabulary import MediaKind, MediaState
from services.common.objects import Objects
from services.common.objects.directory import DirectoryObjects
from services.common.queue import Queue
from services.common.settings import Settings
from services.common.stores.collections import COLLECTIONS
from services.common.stores.open import open_queue


@dataclass
class EventStores:
    """The catalog, the queue and the objects of one process."""

    catalog: Catalog
    queue: Queue
    objects: Objects

    @property
    def media(self) -> MediaStore:
        """Media as a service has them."""
        return MediaStore(self.catalog, Announcer(self.queue.bell).media)

    async def close(self) -> None:
        await self.queue.close()
        await self.catalog.close()


@pytest.fixture(params=["embedded", "real"])
def store_settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """Stores without a server, and MongoDB with RabbitMQ."""
    if request.param == "embedded":
        return Settings(data=tmp_path)
    name = uuid.uuid4().hex
    mongo_url = request.getfixturevalue("mongo_url").rstrip("/")
    return Settings(
        data=tmp_path,
        catalog=f"{mongo_url}/events_{name}",
        queue=f"{request.getfixturevalue('amqp_url')}?prefix={name}",
    )


@pytest.fixture
async def stores(store_settings: Settings) -> AsyncIterator[EventStores]:
    """The stores of the process that reads."""
    opened = await open_event_stores(store_settings)
    yield opened
    await opened.close()


@pytest.fixture
async def others(store_settings: Settings, stores: EventStores) -> AsyncIterator[EventStores]:
    """The same stores as another process has them, which writes."""
    opened = await open_event_stores(store_settings)
    yield opened
    await opened.close()


async def open_event_stores(settings: Settings) -> EventStores:
    catalog = await open_catalog(settings.catalog_url, COLLECTIONS)
    objects = await DirectoryObjects.open(settings.data / "objects")
    return EventStores(catalog, await open_queue(settings, catalog), cast(Objects, objects))


def new_media(owner: str = "ann", invite: str | None = None, *, now_ns: int | None = None) -> Media:
    """A media that was uploaded just now."""
    now_ns = time.time_ns() if now_ns is None else now_ns
    media_id = new_id(now_ns)
    content = Content(media_id, f"contents/{media_id}", media_id, "jpeg", "image/jpeg", 3)
    invites = (invite,) if invite else ()
    return Media(
        media_id,
        owner,
        MediaState.NEW,
        MediaKind.IMAGE,
        "a.jpg",
        now_ns,
        now_ns,
        content,
        Metadata(4, 3),
        invites=invites,
    )


async def process(stores: EventStores, media_id: str, *, clock: Callable[[], int] = time.time_ns) -> None:
    """Takes a media and finishes it."""
    run = 0

    def take(media: Media) -> Media | None:
        nonlocal run
        run = media.run + 1
        now_ns = clock()
        return transitions.take(media, now_ns=now_ns, lease_end_ns=now_ns + 10**10, excuses=lambda _: True)

    def finish(media: Media) -> Media | None:
        result = replace(media.original, holder=f"{media_id}/anonymized")
        return transitions.finish(media, run, result, Findings({}), now_ns=clock())

    await stores.media.change(media_id, take)
    await stores.media.change(media_id, finish)
