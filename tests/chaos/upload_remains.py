"""What a dead ingest left behind, after one sweep at a time when all of it is old enough."""

from __future__ import annotations

import hashlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta

from services.common.catalog import Catalog, Collection, Document
from services.common.catalog.documents import from_document
from services.common.contents.orphans import Orphans
from services.common.contents.store import CONTENTS, Contents, StoredContent
from services.common.invites.store import Invites
from services.common.media.detected_objects import MediaObjects
from services.common.media.model import Media
from services.common.media.store import MEDIA, MediaStore
from services.common.objects import Objects
from services.common.settings import Settings
from services.common.stores.open import open_stores
from services.common.uploads.store import Uploads
from services.ingest.media.cleaning import MediaCleaning
from services.ingest.media.sweep import MediaSweep

# A resumable upload's pieces stay for a day, and orphans are looked for once more an hour after that.
LATER_NS = 25 * 3600 * 10**9


@dataclass
class Remains:
    """What is there, and what should not be."""

    media: int = 0
    objects: int = 0
    faults: list[str] = field(default_factory=list)


async def remains_after_one_sweep(settings: Settings) -> Remains:
    """Sweeps once while nothing writes, as if 25 hours had passed, and compares the objects with the catalog."""
    settings = settings.model_copy(update={"orphan_seconds": 0.001})
    stores = await open_stores(settings)
    try:
        sweep = _sweep(stores.catalog, stores.objects, settings)
        await sweep.sweep_marked()
        await sweep.sweep_orphans()
        return await _look(stores.catalog, stores.objects)
    finally:
        await stores.close()


def _sweep(catalog: Catalog, objects: Objects, settings: Settings) -> MediaSweep:
    media, contents = MediaStore(catalog), Contents(catalog, objects)
    return MediaSweep(
        settings,
        objects,
        contents,
        media,
        MediaCleaning(media, contents, MediaObjects(catalog)),
        Uploads(catalog, objects),
        Invites(catalog),
        Orphans(catalog, objects, contents),
        lambda: time.time_ns() + LATER_NS,
    )


async def _look(catalog: Catalog, objects: Objects) -> Remains:
    remains = Remains()
    media = [from_document(Media, document) async for document in _all(catalog, MEDIA, "by_time")]
    remains.media = len(media)
    known = {content.object_key for one in media for content in (one.original, one.anonymized) if content is not None}
    contents = [from_document(StoredContent, document) async for document in _all(catalog, CONTENTS, "by_object")]
    for content in contents:
        if content.object_key not in known or content.doomed or not content.holders:
            remains.faults.append(f"content {content.id} belongs to no media")
    named = {content.object_key for content in contents}
    stored = {key async for key in _keys(objects)}
    remains.objects = len(stored)
    remains.faults += [f"object {key} is left over" for key in sorted(stored - (known & named))]
    remains.faults += [f"object {key} is missing" for key in sorted(known - stored)]
    for one in media:
        digest = hashlib.sha256()
        async for chunk in objects.read(one.original.object_key):
            digest.update(chunk)
        if digest.hexdigest() != one.original.sha256:
            remains.faults.append(f"media {one.id} has other bytes than its hash says")
    if unfinished := await objects.sweep(timedelta(days=-1)):
        remains.faults.append(f"{unfinished} unfinished objects are left over")
    return remains


async def _all(catalog: Catalog, collection: Collection, index: str) -> AsyncIterator[Document]:
    # More than a test uploads.
    for document in await catalog.find(collection, index, limit=1_000_000):
        yield document


async def _keys(objects: Objects) -> AsyncIterator[str]:
    for prefix in ("contents/", "uploads/"):
        after = None
        while page := await objects.list(prefix, after=after):
            for info in page:
                yield info.key
            after = page[-1].key
