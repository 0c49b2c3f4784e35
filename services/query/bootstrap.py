"""Wires the query service: which stores and settings each method gets."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta

from services.common.base.errors import StoreUnavailable
from services.common.caching.recent import Recent
from services.common.drops.measurements import Measurements
from services.common.drops.receipts import Receipts
from services.common.drops.sources import Sources
from services.common.erasures.store import Erasures
from services.common.events.log import EventLog
from services.common.invites.holders import Holders
from services.common.invites.store import Invites
from services.common.media.detected_objects import MediaObjects
from services.common.media.listing.pages import MediaLists
from services.common.media.store import MediaStore
from services.common.rest.reads.door import ReadDoor
from services.common.rest.reads.kept import KeptAnswers
from services.common.retention.store import RetentionStore
from services.common.series.measured import SeriesFinder
from services.common.series.store import SeriesStore
from services.common.service import Service, Wiring
from services.common.statistics.store import StatisticsStore
from services.common.uploads.store import Uploads
from services.common.webhooks.store import Deliveries, Webhooks
from services.query.docs.pages import DocumentReads
from services.query.drops.measurements import MeasurementReads
from services.query.drops.receipts import ReceiptReads
from services.query.drops.sources import SourceReads
from services.query.erasures.reads import ErasureReads
from services.query.events.hub import EventHub
from services.query.events.streams import EventStreams
from services.query.invites.downloads import InviteDownloads
from services.query.invites.page import InvitePages
from services.query.invites.reads import InviteReads
from services.query.limits.reads import LimitReads
from services.query.media.answers import MediaTexts
from services.query.media.archive import MediaArchives
from services.query.media.downloads import Downloads
from services.query.media.hashes import HashReads
from services.query.media.lists import MediaListReads
from services.query.media.reads import MediaReads
from services.query.retention.reads import RetentionReads
from services.query.series.reads import SeriesReads
from services.query.statistics.reads import StatisticsReads
from services.query.uploads.reads import UploadReads
from services.query.webhooks.reads import WebhookReads


@asynccontextmanager
async def wire(service: Service) -> AsyncIterator[Wiring]:
    """Builds the methods of the query service."""
    settings, catalog, objects = service.settings, service.catalog, service.objects
    receipts, media = Receipts(catalog, objects), MediaStore(catalog)
    measurements, sources, series = Measurements(catalog), Sources(catalog), SeriesStore(catalog)
    event_log = EventLog(catalog)
    hub = EventHub(event_log, service.queue.bell, time.time_ns)
    presigned = timedelta(seconds=settings.presigned_seconds) if settings.presigned_downloads else None
    downloads = Downloads(media, objects, presigned=presigned)
    holders = Holders(Invites(catalog))
    recent = Recent(settings.recent_reads_bytes)
    texts, kept = MediaTexts(recent), KeptAnswers(catalog, recent)
    series_reads = SeriesReads(catalog, SeriesFinder(series, sources), measurements, objects, recent)
    methods = service.methods(
        DocumentReads(),
        MeasurementReads(measurements, receipts, recent, kept),
        SourceReads(sources),
        ReceiptReads(receipts, kept),
        MediaReads(media, MediaObjects(catalog), hub, texts, kept),
        MediaListReads(MediaLists(catalog), texts, kept),
        HashReads(media),
        MediaArchives(media, objects),
        LimitReads(settings, StatisticsStore(catalog)),
        EventStreams(event_log, hub),
        downloads,
        InviteDownloads(holders, media, MediaLists(catalog), downloads),
        UploadReads(Uploads(catalog, objects)),
        InviteReads(Invites(catalog), media),
        InvitePages(Invites(catalog), holders, MediaLists(catalog)),
        StatisticsReads(StatisticsStore(catalog), recent, kept),
        series_reads,
        ErasureReads(Erasures(catalog)),
        RetentionReads(RetentionStore(catalog)),
        WebhookReads(Webhooks(catalog), Deliveries(catalog)),
    )
    door = ReadDoor(methods, settings.http_socket("query"), drain=timedelta(seconds=settings.drain_seconds))
    with suppress(StoreUnavailable):
        # Before the service says that it is ready; a store that is away is no reason not to start.
        await series_reads.prepare_if_any()
    await door.open()
    yield Wiring(methods, (door.run, hub.run, series_reads.prepare, recent.run))
