"""Has media of older models processed again: they go back into the queue, and processors do the work."""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Callable

from batch.scanning import every
from services.common.catalog.documents import from_document
from services.common.contents.store import Contents
from services.common.media import transitions
from services.common.media.model import Media
from services.common.media.store import MEDIA, MediaStore
from services.common.media.topics import PHOTO_WORK, VIDEO_WORK
from services.common.media.vocabulary import MediaState
from services.common.queue import Queue
from services.common.settings import Settings
from services.common.stores.open import Stores
from services.ingest.media.unqueued import media_outbox
from services.processor.models.errors import ModelError
from services.processor.models.registry import Registry, load_registry

PAUSE_SECONDS = 1.0


async def reprocess(stores: Stores, settings: Settings, arguments: argparse.Namespace) -> int:
    """Goes through the processed media, the oldest first; one that was done already has the newer model."""
    is_outdated = outdated_by(load_registry(settings.models_folder), arguments.model)
    media = MediaStore(stores.catalog)
    outbox = media_outbox(stores.queue, media, Contents(stores.catalog, stores.objects), time.time_ns)
    looked_at = queued = 0

    def edit(found: Media) -> Media | None:
        if found.state is not MediaState.PROCESSED or not is_outdated(found):
            return None
        return transitions.process_again(found, None, now_ns=time.time_ns())

    async for page in every(stores.catalog, MEDIA, "by_state", (MediaState.PROCESSED.value,)):
        looked_at += len(page)
        for document in page:
            if is_outdated(from_document(Media, document)):
                changed = await media.change(document["_id"], edit)
                if changed is not None and changed.state is MediaState.NEW:
                    outbox.add(changed)
                    queued += 1
        await outbox.publish_waiting()
        await _has_room(stores.queue, arguments.depth)
    print(f"{queued} of {looked_at} processed media are queued to be processed again")
    return 0


def outdated_by(registry: Registry, name: str | None) -> Callable[[Media], bool]:
    """Returns whether a result is not by this model; without a name, by a version that is registered no more."""
    current = {(entry.name, entry.version) for entry in registry}
    if name is None:
        return lambda media: any((used.model, used.version) not in current for used in media.processing.models)
    if name not in registry:
        raise ModelError(f"no model is called {name}; scripts/models lists them")
    wanted = (name, registry[name].version)
    return lambda media: wanted not in {(used.model, used.version) for used in media.processing.models}


async def _has_room(queue: Queue, depth: int) -> None:
    """Waits while so many messages wait: what people upload meanwhile must not stand behind the whole archive."""
    while sum([await queue.depth(topic) for topic in (PHOTO_WORK, VIDEO_WORK)]) > depth:  # noqa: ASYNC110 - polled
        await asyncio.sleep(PAUSE_SECONDS)
