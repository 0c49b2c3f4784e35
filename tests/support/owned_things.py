"""Everything that an owner can have in a mesh, stored as the services store it."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

from services.common.archive.days import ArchivedDays, Part, part_key
from services.common.base.telemetry import Metrics
from services.common.catalog import Insert
from services.common.catalog.documents import to_document
from services.common.contents.store import Holder
from services.common.contents.writer import ContentWriter
from services.common.drops.measurements import Measurements
from services.common.drops.receipts import INLINE_BYTES, Receipts
from services.common.drops.topics import DROPS, message
from services.common.erasures.store import Erasures
from services.common.events.log import Cursor
from services.common.events.model import EventKind
from services.common.invites.store import Invite
from services.common.media.anonymize.options import AnonymizeOptions
from services.common.media.detected_objects import DetectedObject
from services.common.media.model import Content, Media
from services.common.media.transitions import Findings
from services.common.media.vocabulary import Box, ObjectClass
from services.common.queue import Queue
from services.common.retention.store import RetentionStore
from services.common.rpc.identity import Caller, Scope
from services.common.rpc.tokens import Tokens
from services.common.series.computed.store import ComputedStore, StoredMetrics
from services.common.stores.open import Stores
from services.common.uploads.store import Piece, Upload
from services.common.webhooks.model import Delivery, Progress, Webhook
from services.common.webhooks.store import DELIVERIES, Webhooks
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
from services.processor.drops.parsing.outcomes import DropLimits
from services.processor.drops.results import DropRules, drop_result
from tests.support.media_mesh import Clock, MediaMesh, photo
from tests.support.mortal import Life
from tests.support.series_writer import SeriesWriter

DAY = "2026-01-01"
RULES = DropRules(DropLimits(), "test")


class OwnedThings:
    """A mesh whose owners have a bit of everything."""

    def __init__(self, stores: Stores, clock: Clock, folder: Path, life: Life | None = None) -> None:
        self.stores = stores
        self.clock = clock
        self.mesh = MediaMesh(cast(Any, stores), clock, life)
        catalog, objects = self.mesh.catalog, self.mesh.objects
        self.receipts, self.measurements = Receipts(catalog, objects), Measurements(catalog)
        self.series = SeriesWriter(catalog, objects, folder)
        self.erasures = Erasures(catalog)

    def worker(self, settle: timedelta = timedelta()) -> ErasureWorker:
        """A worker as ingest wires it."""
        mesh, catalog, objects = self.mesh, self.mesh.catalog, self.mesh.objects
        computed = ComputedStore(catalog)
        kinds = (
            TokensKind(catalog),
            InvitesKind(catalog),
            UploadsKind(catalog, objects),
            SeriesKind(catalog, self.series.store, computed, objects, self.series.deletion, self.clock),
            ReceiptsKind(catalog, objects),
            LineageKind(catalog),
            MeasurementsKind(catalog),
            MediaKind(catalog, mesh.media, mesh.contents, mesh.found, mesh.cleaning, mesh.statistics, self.clock),
            MediaTermsKind(catalog),
            RetentionKind(catalog),
            WebhooksKind(catalog),
            StatisticsKind(catalog, mesh.statistics, self.clock),
            DeadLettersKind(catalog, cast(Queue, self.stores.queue)),
            ArchiveKind(ArchivedDays(objects)),
        )
        return ErasureWorker(self.erasures, kinds, Metrics(), settle=settle, now_ns=self.clock, elapsed_ns=self.clock)

    async def fill(self, owner: str) -> None:
        """Gives an owner some of each kind; photos of the same name have the same bytes, whoever has them."""
        caller = Caller(owner, owner, frozenset({Scope.READ, Scope.WRITE}))
        await Tokens(self.mesh.catalog).create(owner, (Scope.READ, Scope.WRITE), now_ns=self.clock())
        await RetentionStore(self.mesh.catalog).update(owner, lambda new: replace(new, update_time_ns=self.clock()))
        await self._media(owner)
        await self._links(owner)
        await self._webhook(owner)
        await self._drops(caller)
        await self._archive(owner)
        await self.series.create(b'{"values": [1, 2, 3]}', f"{owner:x<26}", caller=caller)
        computed = ComputedStore(self.mesh.catalog)
        await computed.keep_metrics(StoredMetrics(f"{owner:x<26}", 1, self.clock(), ()))
        while await self.mesh.statistics.fold(now_ns=self.clock()):
            pass

    async def _media(self, owner: str) -> None:
        mesh = self.mesh
        await mesh.upload(photo("shared camera=Nikon D70"), owner)
        await mesh.upload(photo(f"new of {owner}"), owner)
        await self.process((await mesh.upload(photo(f"processed of {owner}"), owner)).media)
        await self.process((await mesh.upload(photo("processed and shared"), owner)).media)
        await mesh.outbox.publish_waiting()

    async def process(self, media: Media) -> None:
        """Finishes the work on a media as a worker does."""
        mesh, now_ns = self.mesh, self.clock()
        begun = await mesh.work.begin(media.id, now_ns=now_ns)
        assert begun is not None
        boxes = [DetectedObject(number, ObjectClass.FACE, 0.9, Box(0, 0, 1, 1)) for number in (1, 2)]
        await mesh.found.write(media.id, begun.run, boxes)
        writer = ContentWriter(mesh.objects, now_ns)
        await writer.write(b"anonymized " + media.original.sha256.encode())
        written = await writer.commit()
        holder = f"{media.id}/anonymized/{begun.run}"
        claimed = Holder(media.id, holder, now_ns)
        key = await mesh.contents.claim(written.sha256, written.object_key, written.size_bytes, claimed)
        content = Content(written.sha256, key, holder, "jpeg", "image/jpeg", written.size_bytes)
        assert await mesh.work.finish(media.id, begun.run, content, Findings({"face": 2}), now_ns=now_ns)
        await mesh.contents.settle([(content.sha256, holder)])

    async def _links(self, owner: str) -> None:
        now_ns, later_ns = self.clock(), self.clock() + 10**12
        await self.mesh.invites.insert(Invite(f"{owner}invite00000000000", owner, "Wedding", b"x", now_ns, later_ns))
        key = f"{owner}upload00000000000"
        upload = Upload(
            id=key,
            owner=owner,
            filename="beach.jpg",
            anonymize=AnonymizeOptions(),
            create_time_ns=now_ns,
            expire_time_ns=later_ns,
            forget_time_ns=later_ns,
            media_id=f"{owner}planned0000000000",
        )
        await self.mesh.uploads.insert(upload)
        info = await self.mesh.objects.put(f"uploads/{key}/piece", b"half a photo")
        await self.mesh.uploads.add_piece(key, 0, Piece(info.key, info.size_bytes), now_ns=now_ns)

    async def _webhook(self, owner: str) -> None:
        key = f"{owner}webhook0000000000"
        progress = Progress(Cursor.at(self.clock()))
        await Webhooks(self.mesh.catalog).insert(
            Webhook(key, owner, "https://example.com", "secret", self.clock(), progress)
        )
        delivery = Delivery(f"{key}.event", key, EventKind.MEDIA, "resource", "processed", self.clock())
        await self.mesh.catalog.batch([Insert(DELIVERIES, to_document(delivery))])

    async def _archive(self, owner: str) -> None:
        """A day with this owner beside those before, and a file that a run left without a list."""
        archive, parts = ArchivedDays(self.mesh.objects), list[Part]()
        for table, rows in (("media", b"rows"), ("lineage", b"rows that no list names")):
            info = await self.mesh.objects.put(part_key(table, DAY, owner, hashlib.sha256(rows).hexdigest()), rows)
            parts.append(Part(table, owner, info.key, 1, info.size_bytes))
        before = (await archive.parts()).get(DAY, [])
        # Each list has an instant of its own.
        await archive.replace(DAY, [*before, parts[0]], now_ns=self.clock() + len(before))

    async def _drops(self, caller: Caller) -> None:
        readings = [b'{"time_stamp": "2019-05-01T10:00:%02dZ", "data": [1, 2]}' % second for second in range(3)]
        raws = [*readings, readings[0], readings[1].ljust(INLINE_BYTES + 1), b'{"time_stamp": "never", "data": []}']
        for number, raw in enumerate(raws):
            source = "pump-3" if number % 2 else ""
            receipt, _ = await self.receipts.keep(
                caller, raw, hashlib.sha256(raw).digest(), source=source, now_ns=self.clock()
            )
            result = drop_result(receipt, raw, RULES, self.clock())
            await self.measurements.write(result.measurements)
            await self.receipts.settle([result.receipt])
        new, _ = await self.receipts.keep(caller, b"not yet", hashlib.sha256(b"not yet").digest(), now_ns=self.clock())
        await self.stores.queue.publish(DROPS, [message([new.id])])
        (claim,) = await self.stores.queue.claim(
            DROPS, limit=1, lease=timedelta(seconds=60), wait=timedelta(seconds=10)
        )
        await self.stores.queue.reject(claim, reason="it failed")
