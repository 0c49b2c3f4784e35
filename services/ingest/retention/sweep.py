"""Deletes the data that their owners keep no longer. Several services may sweep at once, and one may die anywhere.

Each deletion is one conditional write of a media or a receipt; the bytes are then removed as after any deletion.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial

from services.common.base.loops import pause
from services.common.base.telemetry import Metrics
from services.common.catalog import Catalog, Document, Position, Range, position
from services.common.catalog.documents import from_document
from services.common.drops.receipt import Receipt, ReceiptState
from services.common.drops.receipts import RECEIPTS, Receipts
from services.common.media import transitions
from services.common.media.model import Media
from services.common.media.store import MEDIA, MediaStore
from services.common.retention.store import Retention, RetentionStore
from services.ingest.media.cleaning import MediaCleaning
from services.ingest.retention.expiry import MeasurementExpiry, PointExpiry

MEDIA_AT_ONCE = 50
RECEIPTS_AT_ONCE = 100
log = logging.getLogger(__name__)
Expire = Callable[..., Media | None]


class RetentionSweep:
    """One round applies the settings of every owner."""

    def __init__(
        self,
        catalog: Catalog,
        retention: RetentionStore,
        media: MediaStore,
        cleaning: MediaCleaning,
        receipts: Receipts,
        measurements: MeasurementExpiry,
        points: PointExpiry,
        metrics: Metrics,
        *,
        sweep_seconds: float,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._catalog = catalog
        self._retention = retention
        self._media = media
        self._cleaning = cleaning
        self._receipts = receipts
        self._measurements = measurements
        self._points = points
        self._metrics = metrics
        self._sweep_seconds = sweep_seconds
        self._now_ns = now_ns

    async def run(self, stopping: asyncio.Event) -> None:
        """Sweeps at intervals until the service stops."""
        while not await pause(self._sweep_seconds, stopping):
            await self.sweep(stopping)

    async def sweep(self, stopping: asyncio.Event) -> Counter[str]:
        """Applies all settings once; returns how many of each kind were deleted."""
        deleted: Counter[str] = Counter()
        after: Position | None = None
        while not stopping.is_set():
            page, after = await self._retention.page(after)
            for settings in page:
                await self._apply(settings, deleted, stopping)
            if after is None:
                break
        if deleted:
            log.info("data that were kept long enough are deleted", extra=dict(deleted))
        return deleted

    async def _apply(self, settings: Retention, deleted: Counter[str], stopping: asyncio.Event) -> None:
        owner, now_ns = settings.owner, self._now_ns()
        if settings.originals_ns is not None:
            before_ns, expire = now_ns - settings.originals_ns, transitions.expire_original
            await self._media_of(owner, "by_owner_original", expire, before_ns, "originals", deleted, stopping)
        if settings.anonymized_ns is not None:
            before_ns, expire = now_ns - settings.anonymized_ns, transitions.expire_anonymized
            await self._media_of(owner, "by_owner_anonymized", expire, before_ns, "anonymized", deleted, stopping)
        if settings.raw_drops_ns is not None:
            for state in (ReceiptState.PROCESSED, ReceiptState.QUARANTINED):
                await self._drops_of(owner, state, now_ns - settings.raw_drops_ns, deleted, stopping)
        if settings.measurements_ns is not None:
            count = await self._measurements.expire(owner, now_ns - settings.measurements_ns, stopping)
            self._count("measurements", count, deleted)
        if settings.points_ns is not None:
            count = await self._points.expire(owner, now_ns - settings.points_ns, now_ns, stopping)
            self._count("points", count, deleted)

    async def _media_of(
        self,
        owner: str,
        index: str,
        expire: Expire,
        before_ns: int,
        kind: str,
        deleted: Counter[str],
        stopping: asyncio.Event,
    ) -> None:
        # What was let go of stands outside the index.
        while not stopping.is_set():
            page = await self._catalog.find(MEDIA, index, (owner,), Range(high=before_ns), limit=MEDIA_AT_ONCE)
            await asyncio.gather(*(self._expire(document["_id"], expire, before_ns) for document in page))
            self._count(kind, len(page), deleted)
            if len(page) < MEDIA_AT_ONCE:
                return

    async def _expire(self, media_id: str, expire: Expire, before_ns: int) -> None:
        media = await self._media.change(media_id, partial(expire, before_ns=before_ns, now_ns=self._now_ns()))
        if media is not None and media.unclean_since_ns is not None:
            await self._cleaning.clean(media)

    async def _drops_of(
        self, owner: str, state: ReceiptState, before_ns: int, deleted: Counter[str], stopping: asyncio.Event
    ) -> None:
        index, after = RECEIPTS.index("by_owner_state"), None
        while not stopping.is_set():
            page: Sequence[Document] = await self._catalog.find(
                RECEIPTS, index.name, (owner, state.value), after=after, limit=RECEIPTS_AT_ONCE
            )
            receipts = [from_document(Receipt, document) for document in page]
            due = [receipt for receipt in receipts if (receipt.process_time_ns or before_ns) < before_ns]
            await asyncio.gather(*(self._receipts.delete_raw(receipt, now_ns=self._now_ns()) for receipt in due))
            self._count("raw_drops", len(due), deleted)
            # In the order in which they came, and none is processed before that.
            if len(page) < RECEIPTS_AT_ONCE or receipts[-1].receive_time_ns >= before_ns:
                return
            after = position(index, page[-1])

    def _count(self, kind: str, count: int, deleted: Counter[str]) -> None:
        if count:
            deleted[kind] += count
            self._metrics.work_done.labels("retention", kind).inc(count)
