"""Wires the ingest service: which stores and settings each method and each loop gets."""

from __future__ import annotations

import asyncio
import os
import shutil
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

from services.common.archive.days import ArchivedDays
from services.common.base.instants import AgeClock, to_ns
from services.common.contents.orphans import Orphans
from services.common.contents.store import Contents
from services.common.drops.measurements import Measurements
from services.common.drops.receipts import Receipts
from services.common.erasures.store import Erasures
from services.common.events.announcing import Announcer
from services.common.invites.store import Invites
from services.common.media.detected_objects import MediaObjects
from services.common.media.store import MediaStore
from services.common.retention.store import RetentionStore
from services.common.series.computed.store import ComputedStore
from services.common.series.store import SeriesStore
from services.common.service import Service, Wiring
from services.common.statistics.store import StatisticsStore
from services.common.uploads.store import Uploads
from services.common.webhooks.store import Deliveries, Webhooks
from services.ingest.drops.deletes import DropDeletes
from services.ingest.drops.leftovers import DropLeftovers
from services.ingest.drops.outcomes import DropOutcomes
from services.ingest.drops.streams import DropStreams
from services.ingest.drops.unqueued import drop_outbox
from services.ingest.drops.writes import DropWrites
from services.ingest.erasures.archive import ArchiveKind
from services.ingest.erasures.documents import (
    InvitesKind,
    RetentionKind,
    StatisticsKind,
    TokensKind,
    UploadsKind,
    WebhooksKind,
)
from services.ingest.erasures.drops import LineageKind, MeasurementsKind, ReceiptsKind
from services.ingest.erasures.letters import DeadLettersKind
from services.ingest.erasures.media import MediaKind, MediaTermsKind
from services.ingest.erasures.series import SeriesKind
from services.ingest.erasures.worker import ErasureWorker
from services.ingest.erasures.writes import ErasureWrites
from services.ingest.http.door import HttpDoor
from services.ingest.invites.writes import InviteWrites
from services.ingest.media.batch import MediaBatches
from services.ingest.media.changes import MediaChanges
from services.ingest.media.cleaning import MediaCleaning
from services.ingest.media.inspection import MediaInspection, media_limits
from services.ingest.media.storing import MediaStoring
from services.ingest.media.sweep import MediaSweep
from services.ingest.media.unqueued import media_outbox
from services.ingest.media.uploads import MediaUploads
from services.ingest.metadata.reader import open_readers
from services.ingest.retention.expiry import MeasurementExpiry, PointExpiry
from services.ingest.retention.sweep import RetentionSweep
from services.ingest.retention.writes import RetentionWrites
from services.ingest.series.deletion import SeriesDeletion
from services.ingest.series.lines.writes import LineWrites
from services.ingest.series.outbox import SeriesOutbox
from services.ingest.series.replaced import ReplacedObjects
from services.ingest.series.sweep import SeriesSweep
from services.ingest.series.writes import SeriesWrites
from services.ingest.uploads.writes import UploadWrites
from services.ingest.webhooks.writes import WebhookWrites

READERS_MOST = 4


@asynccontextmanager
async def wire(service: Service) -> AsyncIterator[Wiring]:
    """Builds the methods and loops of the ingest service."""
    settings, catalog, objects, queue = service.settings, service.catalog, service.objects, service.queue
    receipts, invites, uploads = Receipts(catalog, objects), Invites(catalog), Uploads(catalog, objects)
    media = MediaStore(catalog, Announcer(queue.bell).media)
    found, contents = MediaObjects(catalog), Contents(catalog, objects)
    cleaning, orphans = MediaCleaning(media, contents, found), Orphans(catalog, objects, contents)
    readers = open_readers(min(READERS_MOST, os.cpu_count() or 1))
    limits, inspection = media_limits(settings), MediaInspection(settings, objects, readers)
    drops_out = drop_outbox(queue, receipts, time.time_ns)
    media_out = media_outbox(queue, media, contents, time.time_ns)
    storing = MediaStoring(objects, contents, media, invites, inspection, media_out, limits)
    series, replaced = SeriesStore(catalog), ReplacedObjects(objects)
    computed, series_outbox = ComputedStore(catalog), SeriesOutbox(queue)
    series_deletion = SeriesDeletion(series, computed, objects, time.time_ns)
    changes = MediaChanges(media, found, cleaning, media_out, purge_after=timedelta(days=settings.purge_days))
    erasures, retention = Erasures(catalog), RetentionStore(catalog)
    kinds = (
        TokensKind(catalog),
        InvitesKind(catalog),
        UploadsKind(catalog, objects),
        SeriesKind(catalog, series, computed, objects, series_deletion, time.time_ns),
        ReceiptsKind(catalog, objects),
        LineageKind(catalog),
        MeasurementsKind(catalog),
        MediaKind(catalog, media, contents, found, cleaning, StatisticsStore(catalog), time.time_ns),
        RetentionKind(catalog),
        MediaTermsKind(catalog),
        WebhooksKind(catalog),
        StatisticsKind(catalog, StatisticsStore(catalog), time.time_ns),
        DeadLettersKind(catalog, queue),
        ArchiveKind(ArchivedDays(objects)),
    )
    erasing = ErasureWorker(erasures, kinds, service.metrics, settle=timedelta(seconds=settings.erasure_settle_seconds))
    series_writes = SeriesWrites(
        series,
        objects,
        series_deletion,
        replaced,
        computed,
        series_outbox,
        folder=await asyncio.to_thread(fresh_folder, settings.data / "series"),
        now_ns=time.time_ns,
    )
    methods = service.methods(
        DropWrites(
            receipts,
            Measurements(catalog),
            drops_out,
            DropOutcomes(receipts),
            max_drop_bytes=settings.max_drop_bytes,
            now_ns=time.time_ns,
        ),
        DropStreams(receipts, drops_out, max_drop_bytes=settings.max_drop_bytes, now_ns=time.time_ns),
        DropDeletes(receipts, Measurements(catalog), now_ns=time.time_ns),
        MediaUploads(storing, invites),
        changes,
        MediaBatches(changes),
        UploadWrites(
            uploads,
            objects,
            media,
            storing,
            limits,
            lifetime_ns=to_ns(settings.upload_lifetime),
        ),
        InviteWrites(invites, edge_url=settings.edge_url),
        LineWrites(series, objects, replaced, time.time_ns),
        WebhookWrites(
            Webhooks(catalog),
            Deliveries(catalog),
            allow_http=settings.webhook_http,
            allow_private=settings.webhook_private,
        ),
        series_writes,
        ErasureWrites(erasures, erasing, now_ns=time.time_ns),
        RetentionWrites(retention, now_ns=time.time_ns),
    )
    door = HttpDoor(
        methods,
        settings.http_socket("ingest"),
        max_whole_bytes=settings.max_drop_bytes,
        drain=timedelta(seconds=settings.drain_seconds),
    )
    age_clock = AgeClock()
    leftovers = DropLeftovers(
        receipts, age_clock, sweep_seconds=settings.sweep_seconds, orphan_seconds=settings.orphan_seconds
    )
    series_sweep = SeriesSweep(
        series,
        objects,
        series_deletion,
        age_clock,
        sweep_seconds=settings.sweep_seconds,
        orphan_seconds=settings.orphan_seconds,
    )
    sweep = MediaSweep(settings, objects, contents, media, cleaning, uploads, invites, orphans, age_clock)
    expiring = RetentionSweep(
        catalog,
        retention,
        media,
        cleaning,
        receipts,
        MeasurementExpiry(Measurements(catalog)),
        PointExpiry(series, series_writes.point_deletion, series_deletion),
        service.metrics,
        sweep_seconds=settings.sweep_seconds,
    )
    drop_loops = (drops_out.run, drops_out.run_sweep, leftovers.run)
    media_loops = (media_out.run, media_out.run_sweep, sweep.run)
    series_loops = (series_outbox.run, series_sweep.run, replaced.run)
    async with readers:
        await door.open()
        yield Wiring(methods, (door.run, *drop_loops, *media_loops, *series_loops, erasing.run, expiring.run))
        # The last calls end after the loops.
        await drops_out.publish_waiting()
        await media_out.publish_waiting()


def fresh_folder(folder: Path) -> Path:
    """Makes an empty folder for temporary files; a process that crashed may have left some."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder
