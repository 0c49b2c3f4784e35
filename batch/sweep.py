"""Does in one go what the loops of ingest do in small steps: finishes what crashed processes left unfinished."""

from __future__ import annotations

import argparse
import time

from services.common.base.instants import SECOND_NS
from services.common.contents.orphans import Orphans
from services.common.contents.store import Contents
from services.common.drops.receipts import Receipts
from services.common.invites.store import Invites
from services.common.media.detected_objects import MediaObjects
from services.common.media.store import MediaStore
from services.common.series.computed.store import ComputedStore
from services.common.series.store import SeriesStore
from services.common.settings import Settings
from services.common.stores.open import Stores
from services.common.uploads.store import Uploads
from services.ingest.drops.unqueued import drop_outbox
from services.ingest.media.cleaning import MediaCleaning
from services.ingest.media.sweep import MediaSweep
from services.ingest.media.unqueued import media_outbox
from services.ingest.series.deletion import SeriesDeletion
from services.ingest.series.sweep import SeriesSweep


async def sweep(stores: Stores, settings: Settings, _arguments: argparse.Namespace) -> int:
    """Queues what was stored and not queued, ends deletions, and deletes objects that nothing names."""
    catalog, objects, queue = stores.catalog, stores.objects, stores.queue
    receipts, media, contents = Receipts(catalog, objects), MediaStore(catalog), Contents(catalog, objects)
    queued = 0
    for outbox in (drop_outbox(queue, receipts, time.time_ns), media_outbox(queue, media, contents, time.time_ns)):
        while found := await outbox.sweep():
            queued += found

    cleaning = MediaCleaning(media, contents, MediaObjects(catalog))
    orphans = Orphans(catalog, objects, contents)
    media_sweep = MediaSweep(
        settings, objects, contents, media, cleaning, Uploads(catalog, objects), Invites(catalog), orphans
    )
    await media_sweep.sweep_marked()
    deleted = await media_sweep.sweep_orphans()

    after: str | None = None
    before_ns = time.time_ns() - round(settings.orphan_seconds * SECOND_NS)
    while after := await receipts.sweep_objects(before_ns, after=after):
        pass
    series = SeriesStore(catalog)
    series_sweep = SeriesSweep(
        series,
        objects,
        SeriesDeletion(series, ComputedStore(catalog), objects, time.time_ns),
        time.time_ns,
        sweep_seconds=settings.sweep_seconds,
        orphan_seconds=settings.orphan_seconds,
    )
    await series_sweep.finish_deletions()
    while after := await series_sweep.sweep_objects(after):
        pass
    print(f"{queued} receipts and media were queued, {deleted} objects of media that nothing names are gone")
    return 0
