"""Bytes that are kept for so long as their owner says, on embedded and on real stores."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from dropmesh.v1 import error_reason_pb2 as reasons
from dropmesh.v1.ingest_service_pb2 import ProcessMediaRequest, UpdateRetentionRequest
from dropmesh.v1.query_service_pb2 import (
    CheckHashesRequest,
    DownloadAnonymizedRequest,
    DownloadOriginalRequest,
    GetRetentionRequest,
)
from dropmesh.v1.retention_pb2 import Retention as Message

from services.common.base.errors import DropmeshError
from services.common.base.instants import SECOND_NS, to_duration
from services.common.base.telemetry import Metrics
from services.common.catalog import Range
from services.common.drops.receipt import ReceiptState
from services.common.drops.receipts import Receipts
from services.common.media.model import Media
from services.common.media.store import MEDIA
from services.common.retention.messages import retention_message
from services.common.retention.store import RetentionStore
from services.common.rpc.identity import Caller, Scope
from services.common.stores.open import Stores
from services.ingest.media.changes import MediaChanges
from services.ingest.retention.expiry import MeasurementExpiry, PointExpiry
from services.ingest.retention.sweep import RetentionSweep
from services.ingest.retention.writes import RetentionWrites
from services.ingest.series.point_deletion import PointDeletion
from services.processor.statistics.recounting import Recounting
from services.query.media.downloads import Downloads
from services.query.media.hashes import HashReads
from services.query.retention.reads import RetentionReads
from tests.support.calls import ANN, BOB, call_of
from tests.support.media_mesh import Clock, photo
from tests.support.owned_things import OwnedThings

HOUR_SECONDS = 3600
HOUR = to_duration(HOUR_SECONDS * SECOND_NS)
TEN_NS = 1_556_704_800_000_000_000


class Keeping:
    """A mesh with settings of retention."""

    def __init__(self, stores: Stores, clock: Clock, folder: Path) -> None:
        self.clock = clock
        self.things = OwnedThings(stores, clock, folder)
        self.mesh = self.things.mesh
        self.store = RetentionStore(stores.catalog)
        self.writes = RetentionWrites(self.store, now_ns=clock)
        self.receipts = Receipts(stores.catalog, stores.objects)
        self.downloads = Downloads(self.mesh.media, stores.objects, presigned=None)
        self.sweeper = RetentionSweep(
            stores.catalog,
            self.store,
            self.mesh.media,
            self.mesh.cleaning,
            self.receipts,
            MeasurementExpiry(self.things.measurements),
            PointExpiry(self.things.series.store, self._point_deletion, self.things.series.deletion),
            Metrics(),
            sweep_seconds=60,
            now_ns=clock,
        )

    async def _point_deletion(self) -> PointDeletion:
        return self.things.series.point_deletion

    async def update(self, caller: Caller = ANN, *paths: str, owner: str = "", etag: str = "", **kept: Any) -> Message:
        request = UpdateRetentionRequest(retention=Message(**kept), owner=owner, etag=etag)
        request.update_mask.paths.extend(paths)
        return await self.writes.UpdateRetention(request, call_of(caller))

    async def sweep(self) -> dict[str, int]:
        return dict(await self.sweeper.sweep(asyncio.Event()))

    async def measured(self, owner: str) -> list[int]:
        pages = self.things.measurements.all_by_time(owner, None, Range(), descending=False)
        return [one.time_ns async for page in pages for one in page]

    async def states(self) -> list[Media]:
        found = [await self.mesh.media.find(document["_id"]) for document in await self._all()]
        return [media for media in found if media is not None]

    async def _all(self) -> list[dict[str, Any]]:
        return await self.mesh.catalog.find(MEDIA, "by_owner", ("ann",))


@pytest.fixture
async def keeping(all_stores: Stores, clock: Clock, tmp_path: Path) -> Keeping:
    filled = Keeping(all_stores, clock, tmp_path)
    for owner in ("ann", "bob"):
        await filled.things.fill(owner)
    return filled


async def reason(awaited: object) -> tuple[str, int | None]:
    with pytest.raises(DropmeshError) as caught:
        await awaited  # type: ignore[misc]
    return reasons.ErrorReason.Name(caught.value.reason), caught.value.http_status


async def test_settings_change_by_mask_and_belong_to_their_owner(keeping: Keeping) -> None:
    reads = RetentionReads(keeping.store)
    nothing = await reads.GetRetention(GetRetentionRequest(), call_of(Caller("cy", "cy", frozenset({Scope.READ}))))
    assert nothing == Message(name="retention", etag='"0"')
    changed = await keeping.update(keep_originals=HOUR, keep_raw_drops=HOUR)
    assert (changed.keep_originals, changed.HasField("keep_anonymized")) == (HOUR, False)
    changed = await keeping.update(ANN, "keep_anonymized", "keep_raw_drops", keep_anonymized=HOUR)
    assert (changed.keep_originals, changed.keep_anonymized) == (HOUR, HOUR)
    assert not changed.HasField("keep_raw_drops")
    assert await reads.GetRetention(GetRetentionRequest(), call_of()) == changed
    assert not retention_message(await keeping.store.get("bob")).HasField("keep_originals")
    assert (await reason(keeping.update(BOB, owner="ann")))[0] == "SCOPE_MISSING"
    admin = Caller("root", "root", frozenset({Scope.ADMIN}))
    assert (await keeping.update(admin, owner="ann", keep_raw_drops=HOUR)).keep_anonymized == HOUR
    assert retention_message(await keeping.store.get("ann")).keep_raw_drops == HOUR


async def test_a_change_with_an_etag_fails_where_the_settings_changed(keeping: Keeping) -> None:
    first = await RetentionReads(keeping.store).GetRetention(GetRetentionRequest(), call_of())
    second = await keeping.update(keep_originals=HOUR, etag=first.etag)
    assert second.etag != first.etag
    assert (await reason(keeping.update(keep_raw_drops=HOUR, etag=first.etag)))[0] == "ETAG_MISMATCH"
    third = await keeping.update(keep_raw_drops=HOUR, etag=second.etag)
    assert (third.keep_originals, third.keep_raw_drops) == (HOUR, HOUR)


async def test_originals_go_when_their_time_is_over_and_the_media_says_so(keeping: Keeping) -> None:
    await keeping.update(keep_originals=HOUR)
    keeping.clock.advance(HOUR_SECONDS)
    assert await keeping.sweep() == {}
    keeping.clock.advance(1)
    assert await keeping.sweep() == {"originals": 2}
    assert await keeping.sweep() == {}
    gone = [media for media in await keeping.states() if media.original_delete_time_ns == keeping.clock()]
    # Those that are not processed yet wait for it.
    assert sorted(media.state for media in gone) == ["processed", "processed"]
    for media in gone:
        name = f"media/{media.id}"
        download = keeping.downloads.DownloadOriginal(DownloadOriginalRequest(name=name), call_of())
        assert await reason(anext(download)) == ("MEDIA_CONTENT_DELETED", 410)
        changes = _changes(keeping)
        assert await reason(changes.ProcessMedia(ProcessMediaRequest(name=name), call_of())) == (
            "MEDIA_CONTENT_DELETED",
            410,
        )
        anonymized = keeping.downloads.DownloadAnonymized(DownloadAnonymizedRequest(name=name), call_of())
        assert (await anext(anonymized)).data.startswith(b"anonymized")
    # Bytes that bob's media share are kept, and ann's own are gone.
    keys = {info.key for info in await keeping.mesh.objects.list("contents/")}
    assert sorted(media.original.object_key in keys for media in gone) == [False, True]
    # The same bytes make a new media, and no answer says that they need not be sent.
    asked = CheckHashesRequest(sha256=[media.original.sha256 for media in gone])
    hashes = HashReads(keeping.mesh.media)
    assert list((await hashes.CheckHashes(asked, call_of())).known) == []
    again = await keeping.mesh.upload(photo("processed of ann"), "ann")
    assert not again.duplicate
    known = (await hashes.CheckHashes(asked, call_of())).known
    assert [found.media for found in known] == [f"media/{again.media.id}"]
    await _agrees(keeping)


async def test_anonymized_contents_go_and_can_be_made_again(keeping: Keeping) -> None:
    await keeping.update(keep_anonymized=HOUR)
    keeping.clock.advance(HOUR_SECONDS + 1)
    assert await keeping.sweep() == {"anonymized": 2}
    (media, _) = [media for media in await keeping.states() if media.anonymized_delete_time_ns is not None]
    request = DownloadAnonymizedRequest(name=f"media/{media.id}")
    assert await reason(anext(keeping.downloads.DownloadAnonymized(request, call_of()))) == (
        "MEDIA_CONTENT_DELETED",
        410,
    )
    await _changes(keeping).ProcessMedia(ProcessMediaRequest(name=f"media/{media.id}"), call_of())
    await keeping.things.process(media)
    found = await keeping.mesh.media.find(media.id)
    assert found is not None
    assert (found.anonymized_delete_time_ns, found.anonymized is not None) == (None, True)
    await _agrees(keeping)


async def test_raw_drops_go_after_their_processing(keeping: Keeping) -> None:
    await keeping.update(keep_raw_drops=HOUR)
    keeping.clock.advance(HOUR_SECONDS + 1)
    assert await keeping.sweep() == {"raw_drops": 6}
    assert await keeping.sweep() == {}
    states = [receipt.state async for receipt, _ in keeping.receipts.newest(ANN, None, after=None, limit=100)]
    assert states == [ReceiptState.NEW, *[ReceiptState.DELETED] * 6]
    assert {receipt.state async for receipt, _ in keeping.receipts.newest(BOB, None, after=None, limit=100)} == {
        ReceiptState.NEW,
        ReceiptState.PROCESSED,
        ReceiptState.QUARANTINED,
    }


async def test_measurements_go_by_their_instant_and_their_receipts_stay(keeping: Keeping) -> None:
    instants = [TEN_NS + second * SECOND_NS for second in range(3)]
    await keeping.update(keep_measurements=to_duration(keeping.clock() - instants[1]))
    # Those of two sources at each of two instants; one at the third.
    before = await keeping.measured("ann")
    assert await keeping.sweep() == {"measurements": before.count(instants[0])}
    assert await keeping.measured("ann") == [instant for instant in before if instant >= instants[1]]
    assert await keeping.measured("bob") == before
    assert await keeping.sweep() == {}
    states = [receipt.state async for receipt, _ in keeping.receipts.newest(ANN, after=None, limit=100)]
    assert ReceiptState.DELETED not in states


async def test_points_go_by_their_instant_and_the_series_with_the_last(keeping: Keeping) -> None:
    series, key = keeping.things.series, f"{'ann':x<26}"
    stored = await series.store.find(key)
    assert stored is not None
    assert stored.ends is not None
    start_ns, _ = stored.ends
    keeping.clock.now_ns = start_ns + 2 * SECOND_NS + HOUR_SECONDS * SECOND_NS
    await keeping.update(keep_points=HOUR)
    assert await keeping.sweep() == {"points": 2}
    assert await series.values(key) == [3.0]
    assert len(await series.keys(f"series/{key}/")) == 1
    # It is looked at once an hour.
    keeping.clock.advance(HOUR_SECONDS - 1)
    assert await keeping.sweep() == {}
    keeping.clock.advance(1)
    assert await keeping.sweep() == {"points": 1}
    assert await series.store.find(key) is None
    assert await series.keys(f"series/{key}/") == []
    assert await series.values(f"{'bob':x<26}") == [1.0, 2.0, 3.0]


async def test_two_sweeps_at_once_delete_once(keeping: Keeping) -> None:
    await keeping.update(keep_originals=HOUR, keep_anonymized=HOUR, keep_raw_drops=HOUR)
    keeping.clock.advance(HOUR_SECONDS + 1)
    await asyncio.gather(keeping.sweep(), keeping.sweep())
    assert await keeping.sweep() == {}
    await _agrees(keeping)
    await keeping.mesh.sweep_all()
    for media in await keeping.states():
        assert (media.unclean_since_ns, media.leftovers) == (None, ())


def _changes(keeping: Keeping) -> MediaChanges:
    mesh = keeping.mesh
    return MediaChanges(
        mesh.media, mesh.found, mesh.cleaning, mesh.outbox, purge_after=timedelta(days=1), now_ns=keeping.clock
    )


async def _agrees(keeping: Keeping) -> None:
    recounting = Recounting(keeping.mesh.catalog, keeping.mesh.statistics)
    assert await recounting.check(now_ns=keeping.clock()) == []
