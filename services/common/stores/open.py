"""Opens the three stores that the settings name."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from services.common.catalog import Catalog
from services.common.catalog.opening import open_catalog
from services.common.catalog.sqlite.catalog import SqliteCatalog
from services.common.catalog.sqlite.database import SqliteDatabase
from services.common.objects import Objects
from services.common.objects.directory import DirectoryObjects
from services.common.queue import Queue
from services.common.queue.embedded import EmbeddedQueue
from services.common.settings import Settings
from services.common.stores.collections import COLLECTIONS


@dataclass(frozen=True, slots=True)
class Stores:
    """Where a service keeps things."""

    catalog: Catalog
    objects: Objects
    queue: Queue

    async def close(self) -> None:
        """Lets go of all three; the queue first, since it may live in the catalog's database."""
        await self.queue.close()
        await self.objects.close()
        await self.catalog.close()


async def open_stores(settings: Settings, *, replace_indexes: bool = False) -> Stores:
    """The stores of a mesh, made when missing."""
    catalog = await open_catalog(settings.catalog_url, COLLECTIONS, replace_indexes=replace_indexes)
    return Stores(catalog, await open_objects(settings), await open_queue(settings, catalog))


async def open_objects(settings: Settings) -> Objects:
    """The objects at `file:///path`, `s3://bucket` or `s3://bucket/prefix`."""
    scheme, place, path, *_ = urlsplit(settings.objects_url)
    if scheme == "file":
        return await DirectoryObjects.open(Path(unquote(path)))
    if scheme == "s3":
        # Imported where it is asked for: boto3 takes 25 MB of every process.
        from services.common.objects.s3 import S3Objects

        prefix = unquote(path).strip("/")
        return await S3Objects.open(place, f"{prefix}/" if prefix else "", settings)
    raise ValueError(f"objects are at file:///… or s3://…, not {scheme or 'at nothing'}://…")


async def open_queue(settings: Settings, catalog: Catalog) -> Queue:
    """The queue at `amqp://…`, or the embedded one in the catalog's database where that is a file."""
    if settings.queue_url != "embedded":
        from services.common.queue.rabbitmq.queue import RabbitQueue

        return await RabbitQueue.open(settings.queue_url)
    if isinstance(catalog, SqliteCatalog):
        return await EmbeddedQueue.open(catalog.database)
    return await _QueueOfItsOwn.open(await SqliteDatabase.open(settings.data / "queue.sqlite"))


class _QueueOfItsOwn(EmbeddedQueue):
    """The embedded queue in a file that holds nothing else, and is closed with it."""

    async def close(self) -> None:
        """See the port."""
        await super().close()
        await self._database.close()
