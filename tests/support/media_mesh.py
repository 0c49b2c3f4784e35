"""The parts of the mesh that keep media, over embedded stores, for tests that need neither servers nor an edge."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import cast

from services.common.catalog import Catalog
from services.common.catalog.opening import open_catalog
from services.common.catalog.sqlite.catalog import SqliteCatalog
from services.common.catalog.sqlite.database import SqliteDatabase
from services.common.contents.orphans import Orphans
from services.common.contents.store import Contents
from services.common.events.announcing import Announcer
from services.common.invites.store import Invites
from services.common.media.detected_objects import MediaObjects
from services.common.media.listing.pages import MediaLists
from services.common.media.model import Metadata
from services.common.media.refusals import DamagedMedia
from services.common.media.store import MediaStore
from services.common.media.topics import PHOTO_WORK, VIDEO_WORK
from services.common.media.types import MediaType
from services.common.media.work import MediaWork
from services.common.objects import Objects
from services.common.objects.directory import DirectoryObjects
from services.common.queue import Queue
from services.common.queue.embedded import EmbeddedQueue
from services.common.settings import Settings
from services.common.statistics.store import StatisticsStore
from services.common.stores.collections import COLLECTIONS
from services.common.uploads.store import Uploads
from services.ingest.media.cleaning import MediaCleaning
from services.ingest.media.files import FileOptions, IncomingFile
from services.ingest.media.inspection import MediaInspection
from services.ingest.media.storing import Destination, MediaStoring, Stored
from services.ingest.media.sweep import MediaSweep
from services.ingest.media.unqueued import media_outbox
from services.ingest.metadata.limits import MediaLimits
from services.ingest.metadata.media_metadata import MetadataReading
from tests.support.mortal import Life, MortalCatalog, MortalObjects, MortalQueue

# After every instant at which a file of the test was written.
START_NS = 2_000_000_000_000_000_000
HEAD = b"\xff\xd8\xff"
DAMAGED = HEAD + b"damaged"


def photo(text: str = "", size_bytes: int = 0) -> bytes:
    """Bytes that are taken for a JPEG, other ones for each text."""
    return (HEAD + text.encode()).ljust(size_bytes, b".")


async def chunks(data: bytes, size_bytes: int = 65536) -> AsyncIterator[bytes]:
    """Bytes as they arrive."""
    for start in range(0, len(data), size_bytes):
        yield data[start : start + size_bytes]


class Clock:
    """The time of a test."""

    def __init__(self, now_ns: int = START_NS) -> None:
        self.now_ns = now_ns

    def __call__(self) -> int:
        return self.now_ns

    def advance(self, seconds: float) -> None:
        """Lets time pass."""
        self.now_ns += round(seconds * 1e9)


class Readings:
    """Reads metadata as the inspection does: the camera is what stands behind `camera=` in a photo."""

    async def read_bytes(self, whole: bytes, media_type: MediaType) -> MetadataReading:
        return self._reading(whole, media_type)

    async def read_stored(self, key: str, size_bytes: int, media_type: MediaType) -> MetadataReading:
        return self._reading(b"", media_type)

    def _reading(self, whole: bytes, media_type: MediaType) -> MetadataReading:
        if whole.startswith(DAMAGED):
            raise DamagedMedia(media_type.format, "it was made so")
        _, _, camera = whole.decode(errors="replace").partition("camera=")
        return MetadataReading(Metadata(4, 3, camera_model=camera.rstrip(".") or None))


@dataclass
class Stores:
    """What survives a process."""

    database: SqliteDatabase
    catalog: Catalog
    objects: DirectoryObjects
    queue: EmbeddedQueue

    @classmethod
    async def open(cls, folder: Path) -> Stores:
        catalog = await SqliteCatalog.open(folder / "catalog.sqlite", COLLECTIONS)
        queue = await EmbeddedQueue.open(catalog.database)
        return cls(catalog.database, catalog, await DirectoryObjects.open(folder / "objects"), queue)

    @classmethod
    async def open_at(cls, folder: Path, catalog_url: str) -> Stores:
        """With a catalog elsewhere; the queue has a file of its own."""
        catalog = await open_catalog(catalog_url, COLLECTIONS)
        database = await SqliteDatabase.open(folder / "queue.sqlite")
        queue = await EmbeddedQueue.open(database)
        return cls(database, catalog, await DirectoryObjects.open(folder / "objects"), queue)

    async def close(self) -> None:
        await self.queue.close()
        await self.catalog.close()
        if not isinstance(self.catalog, SqliteCatalog):
            await self.database.close()


class MediaMesh:
    """A process that keeps media; it dies where its life ends."""

    def __init__(self, stores: Stores, clock: Clock, life: Life | None = None, **settings: object) -> None:
        life = life or Life()
        self.stores = stores
        self.clock = clock
        self.catalog = cast(Catalog, MortalCatalog(stores.catalog, life))
        self.objects = cast(Objects, MortalObjects(stores.objects, life))
        queue = cast(Queue, MortalQueue(stores.queue, life))
        self.settings = Settings.model_validate({"orphan_seconds": 0.001, **settings})
        inspection = cast(MediaInspection, Readings())
        self.limits = MediaLimits(max_image_bytes=8_000_000)
        self.media = MediaStore(self.catalog, Announcer(stores.queue.bell).media)
        self.lists = MediaLists(self.catalog)
        self.work = MediaWork(self.media)
        self.found = MediaObjects(self.catalog)
        self.contents = Contents(self.catalog, self.objects)
        self.invites = Invites(self.catalog)
        self.uploads = Uploads(self.catalog, self.objects)
        self.statistics = StatisticsStore(self.catalog)
        self.cleaning = MediaCleaning(self.media, self.contents, self.found)
        self.outbox = media_outbox(queue, self.media, self.contents, clock)
        self.storing = MediaStoring(
            self.objects, self.contents, self.media, self.invites, inspection, self.outbox, self.limits, clock
        )
        self.sweep = MediaSweep(
            self.settings,
            self.objects,
            self.contents,
            self.media,
            self.cleaning,
            self.uploads,
            self.invites,
            Orphans(self.catalog, self.objects, self.contents),
            clock,
        )

    async def upload(
        self, data: bytes, owner: str = "ann", options: FileOptions | None = None, **destination: object
    ) -> Stored:
        """Stores a file as a call would."""
        file = IncomingFile(options or FileOptions(), chunks(data))
        return await self.storing.store(file, Destination(owner, **destination))  # type: ignore[arg-type]

    async def sweep_all(self) -> None:
        """What a healthy service does now and then, until there is nothing left to do."""
        self.clock.advance(120)
        for _ in range(2):
            await self.outbox.publish_waiting()
            await self.outbox.sweep()
            await self.sweep.sweep_marked()
            await self.sweep.sweep_orphans()

    async def stored_keys(self) -> list[str]:
        """Every object that there is."""
        return [info.key for prefix in ("contents/", "uploads/") for info in await self.stores.objects.list(prefix)]

    async def queued(self) -> list[str]:
        """The media that workers are told of, each once."""
        lease, queue = timedelta(seconds=60), self.stores.queue
        claims = [
            claim
            for topic in (PHOTO_WORK, VIDEO_WORK)
            for claim in await queue.claim(topic, limit=1000, lease=lease, wait=timedelta())
        ]
        return sorted({claim.body.decode() for claim in claims})


async def read_all(objects: Objects, key: str) -> bytes:
    """An object's bytes."""
    return b"".join([chunk async for chunk in objects.read(key)])
