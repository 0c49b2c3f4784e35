"""An owner's erasure on embedded and on real stores, proved by a walk over everything that the stores have."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import fields
from datetime import timedelta
from pathlib import Path

import pytest

from scripts.remains.search import search
from services.common.archive.days import ArchivedDays
from services.common.drops.topics import DROPS
from services.common.erasures.store import Erasure, folded
from services.common.media.topics import PHOTO_WORK
from services.common.rpc.identity import Caller, Scope
from services.common.settings import Settings
from services.common.stores.collections import MODELS
from services.common.stores.open import Stores
from services.ingest.erasures.worker import LEASE
from services.processor.statistics.recounting import Recounting
from tests.support.media_mesh import Clock, photo
from tests.support.mortal import Killed, Life
from tests.support.owned_things import DAY, OwnedThings

# Two originals and an anonymized content.
SHARED_OBJECTS = 3
# Four media, the objects found in two of them and the terms of these, and three contents that no other owner shares.
MEDIA_DOCUMENTS = 4 + 4 + 2 + 3


@pytest.fixture
async def things(all_stores: Stores, clock: Clock, tmp_path: Path) -> OwnedThings:
    filled = OwnedThings(all_stores, clock, tmp_path)
    for owner in ("ann", "bob"):
        await filled.fill(owner)
    return filled


async def begin(things: OwnedThings, owner: str = "ann", *, keep_tokens: bool = False) -> Erasure:
    things.clock.advance(1)
    return await things.erasures.begin(Erasure("erasure-of-a-test", owner, keep_tokens, things.clock()))


async def finish(things: OwnedThings, erasure: Erasure) -> Erasure:
    done = await things.worker().work_on(erasure, asyncio.Event())
    assert done is not None
    return done


async def drain(stores: Stores) -> None:
    """What workers do with messages of what is gone."""
    for topic in (DROPS, PHOTO_WORK):
        lease = timedelta(seconds=60)
        while claims := await stores.queue.claim(topic, limit=100, lease=lease, wait=timedelta(seconds=0.5)):
            await stores.queue.acknowledge(claims)


async def test_nothing_is_left_of_an_erased_owner_and_nothing_else_is_gone(
    things: OwnedThings, store_settings: Settings
) -> None:
    before, inventory = await search(store_settings, "ann")
    others, _ = await search(store_settings, "bob")
    assert set(before.documents) >= erased_collections(things)
    assert before.objects > 5
    assert (before.archived_days, others.archived_days) == (2, 1)
    assert (before.unmentioned_objects, before.messages.total()) == (0, 5)

    erasure = await begin(things)
    done = await finish(things, erasure)
    await drain(things.stores)
    left, _ = await search(store_settings, "ann", inventory)
    assert (left.total, left.unmentioned_objects) == (0, 0), left
    after, _ = await search(store_settings, "bob")
    # The whole mesh's statistics named media that were folded last. Three objects are bob's alone by now.
    del others.documents["statistics"], after.documents["statistics"]
    assert (after.documents, after.objects) == (others.documents, others.objects + SHARED_OBJECTS)
    # What the certificate says was counted by the walk before.
    counts = {count.kind: count for count in done.counts}
    assert sum(count.objects for count in done.counts) == before.objects
    assert counts["media"].documents == MEDIA_DOCUMENTS
    for kind, collection in (("receipts", "receipts"), ("lineage", "lineage"), ("measurements", "measurements")):
        assert counts[kind].documents == before.documents[collection]
    assert counts["dead_letters"].documents == 1
    assert (counts["archive"].documents, counts["archive"].objects) == (2, 2)
    archived = await ArchivedDays(things.stores.objects).parts()
    assert {day: [part.owner for part in parts] for day, parts in archived.items()} == {DAY: ["bob"]}
    assert (done.owner, done.pending, done.end_time_ns) == (None, None, things.clock())
    assert "ann" not in str(done)
    recounting = Recounting(things.mesh.catalog, things.mesh.statistics)
    assert await recounting.check(now_ns=things.clock()) == []


async def test_what_arrives_after_the_request_is_new_where_tokens_are_kept(things: OwnedThings) -> None:
    erasure = await begin(things, keep_tokens=True)
    assert await things.erasures.begin(Erasure("another", "ann", True, things.clock())) == erasure
    things.clock.advance(1)
    ann = Caller("ann", "ann", frozenset({Scope.WRITE}))
    stored = (await things.mesh.upload(photo("later"), "ann")).media
    receipt, _ = await things.receipts.keep(ann, b"later", b"x" * 32, now_ns=things.clock())
    done = await finish(things, erasure)
    assert done.end_time_ns is not None
    assert (await things.mesh.media.find(stored.id)) is not None
    assert (await things.receipts.get(ann, receipt.id)).raw == b"later"
    assert "tokens" not in {count.kind for count in done.counts}


async def test_a_late_write_is_found_before_the_erasure_ends(things: OwnedThings) -> None:
    erasure = await begin(things)
    worker = things.worker(settle=timedelta(seconds=60))
    waiting = await worker.work_on(erasure, asyncio.Event())
    assert waiting is not None
    assert waiting.owner == "ann"
    # A call that was under way stores its bytes now.
    late = (await things.mesh.upload(photo("late"), "ann")).media
    things.clock.advance(61)
    done = await worker.work_on(waiting, asyncio.Event())
    assert done is not None
    assert done.end_time_ns is not None
    assert await things.mesh.media.find(late.id) is None


async def test_one_process_works_on_an_erasure_at_a_time(things: OwnedThings) -> None:
    erasure = await begin(things)
    held = await things.worker()._write(erasure)
    assert held is not None
    assert await things.worker().work_on(held, asyncio.Event()) is None
    things.clock.advance(LEASE.total_seconds() + 1)
    assert (await finish(things, held)).end_time_ns is not None
    # The first one notices that it is too late.
    assert await things.worker()._write(held) is None


@pytest.mark.parametrize("steps", [1, 3, 4, 7, 12, 18, 25, 33, 40, 48, 55, 63, 70, 80])
async def test_an_erasure_goes_on_after_a_kill_and_counts_nothing_twice(
    stores: Stores, clock: Clock, tmp_path: Path, steps: int
) -> None:
    whole = OwnedThings(stores, clock, tmp_path)
    for owner in ("ann", "bob"):
        await whole.fill(owner)
    before, inventory = await search(Settings(data=tmp_path), "ann")
    erasure = await begin(whole)
    dying = OwnedThings(stores, clock, tmp_path, Life(steps))
    with suppress(Killed):
        await dying.worker().work_on(erasure, asyncio.Event())
    clock.advance(LEASE.total_seconds() + 1)
    (found,) = await whole.erasures.running() or [await whole.erasures.get(erasure.id)]
    done = found if found.owner is None else await finish(whole, found)
    await drain(stores)
    left, _ = await search(Settings(data=tmp_path), "ann", inventory)
    assert (left.total, left.unmentioned_objects) == (0, 0), left
    counts = {count.kind: count for count in done.counts}
    assert sum(count.objects for count in done.counts) == before.objects
    assert counts["receipts"].documents == before.documents["receipts"]
    assert counts["media"].documents == MEDIA_DOCUMENTS


def test_the_hash_of_names_follows_from_the_names() -> None:
    assert folded(folded(bytes(32), ["media/a"]), ["media/b"]) == folded(bytes(32), ["media/a", "media/b"])
    assert folded(bytes(32), ["media/b", "media/a"]) != folded(bytes(32), ["media/a", "media/b"])


async def test_every_collection_that_names_an_owner_is_erased(things: OwnedThings) -> None:
    erased = erased_collections(things)
    named = {name for name, owners in _owners() if owners} - {"erasures"}
    # A new collection with an owner, or a subject, needs a kind in services/ingest/erasures.
    assert named <= erased, named - erased


def erased_collections(things: OwnedThings) -> set[str]:
    return {collection.name for kind in things.worker()._kinds.values() for collection in kind.collections}


def _owners() -> list[tuple[str, bool]]:
    return [
        (collection.name, bool({"owner", "subject"} & {field.name for field in fields(model)}))
        for collection, model in MODELS
    ]
