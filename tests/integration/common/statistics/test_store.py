from __future__ import annotations

import asyncio
import random
from contextlib import suppress
from dataclasses import replace
from functools import partial

import pytest

from services.common.base.instants import utc_day
from services.common.media.model import NOTHING, Contribution
from services.common.media.transitions import delete
from services.common.media.vocabulary import MediaState
from services.common.statistics.store import CAMERAS_MOST, StatisticsStore, Totals, totals_after
from services.processor.statistics.recounting import Recounting
from tests.support.media_mesh import Clock, MediaMesh, Stores, photo
from tests.support.mortal import Killed, Life

DAY_NS = 86_400 * 10**9


async def agree(mesh: MediaMesh) -> None:
    """What readers see is what counting every media gives, before and after folding."""
    now_ns = mesh.clock()
    before = {owner: (await mesh.statistics.read(owner, now_ns=now_ns)).totals for owner in (None, "ann", "bob")}
    recounting = Recounting(mesh.catalog, mesh.statistics)
    assert await recounting.check(now_ns=now_ns) == []
    after = {owner: (await mesh.statistics.read(owner, now_ns=now_ns)).totals for owner in (None, "ann", "bob")}
    assert before == after


async def read(mesh: MediaMesh, owner: str | None = "ann") -> Totals:
    return (await mesh.statistics.read(owner, now_ns=mesh.clock())).totals


async def fold_all(mesh: MediaMesh) -> None:
    while await mesh.statistics.fold(now_ns=mesh.clock()):
        pass


async def test_a_hundred_uploads_replayed_ten_times_count_a_hundred(mesh: MediaMesh) -> None:
    for _ in range(10):
        for start in range(0, 100, 20):
            await asyncio.gather(*(mesh.upload(photo(str(number))) for number in range(start, start + 20)))
        await mesh.statistics.fold(now_ns=mesh.clock())
    totals = await read(mesh)
    assert totals.states == {"new": 100}
    assert totals.formats == {"jpeg": 100}
    assert totals.days == {utc_day(mesh.clock()): 100}
    assert totals.duplicates == 900
    assert totals.storage_bytes == sum(len(photo(str(number))) for number in range(100))
    assert totals.duplicate_bytes == 9 * totals.storage_bytes
    await agree(mesh)


async def test_what_is_not_folded_yet_is_told_too(mesh: MediaMesh) -> None:
    await mesh.upload(photo("one camera=Nikon D70"))
    await fold_all(mesh)
    await mesh.upload(photo("two camera=Nikon D70"))
    await mesh.upload(photo("one camera=Nikon D70"))
    totals = await read(mesh)
    assert totals.cameras == (("Nikon D70", 2),)
    assert totals.duplicates == 1
    await agree(mesh)


async def test_each_owner_has_its_own_and_the_mesh_has_all(mesh: MediaMesh) -> None:
    await mesh.upload(photo("one"), "ann")
    await mesh.upload(photo("one"), "bob")
    await fold_all(mesh)
    assert (await read(mesh, "ann")).states == {"new": 1}
    assert (await read(mesh, None)).states == {"new": 2}
    assert (await read(mesh, "eve")) == Totals()


async def test_a_day_begins_at_midnight_in_utc(mesh: MediaMesh, clock: Clock) -> None:
    midnight_ns = (clock.now_ns // DAY_NS + 1) * DAY_NS
    for offset_ns in (-1, 0, DAY_NS - 1, DAY_NS):
        clock.now_ns = midnight_ns + offset_ns
        await mesh.upload(photo(str(offset_ns)))
    days = (await read(mesh)).days
    assert days == {
        utc_day(midnight_ns - 1): 1,
        utc_day(midnight_ns): 2,
        utc_day(midnight_ns + DAY_NS): 1,
    }
    await fold_all(mesh)
    clock.advance(500 * 86_400)
    await mesh.upload(photo("much later"))
    await fold_all(mesh)
    assert (await read(mesh)).days == {utc_day(clock.now_ns): 1}
    await agree(mesh)


async def test_deleted_media_count_in_the_states_alone_and_purged_ones_nowhere(mesh: MediaMesh, clock: Clock) -> None:
    stored = await mesh.upload(photo("one camera=X"))
    await mesh.upload(photo("one camera=X"))
    await fold_all(mesh)
    await mesh.media.change(
        stored.media.id,
        lambda media: delete(media, now_ns=clock(), purge_after_ns=10),
    )
    assert await read(mesh) == Totals(states={"deleted": 1})
    await fold_all(mesh)
    assert await read(mesh) == Totals(states={"deleted": 1})
    clock.advance(60)
    for _ in range(3):
        await mesh.sweep.sweep_marked()
        await fold_all(mesh)
    assert await mesh.media.find(stored.media.id) is None
    assert await read(mesh) == Totals()
    await agree(mesh)


@pytest.mark.parametrize("steps", range(9))
async def test_a_folder_that_dies_anywhere_counts_nothing_twice_and_loses_nothing(
    stores: Stores, clock: Clock, steps: int
) -> None:
    mesh = MediaMesh(stores, clock)
    for number in range(3):
        await mesh.upload(photo(str(number)), "ann")
        await mesh.upload(photo(str(number)), "bob")
    repeated = await mesh.upload(photo("0"), "ann")
    with suppress(Killed):
        await MediaMesh(stores, clock, Life(steps)).statistics.fold(now_ns=clock())
    assert (await read(mesh, None)).states == {"new": 6}
    assert (await read(mesh, "ann")).states == {"new": 3}
    await mesh.media.change(repeated.media.id, lambda media: delete(media, now_ns=clock(), purge_after_ns=DAY_NS))
    await agree(mesh)
    assert (await read(mesh, None)).states == {"new": 5, "deleted": 1}


@pytest.mark.parametrize("seed", range(6))
async def test_folders_and_writers_at_once_agree_with_a_recount(mesh: MediaMesh, seed: int) -> None:
    chance = random.Random(seed)
    stored = [
        (await mesh.upload(photo(f"{owner}{number} camera=C{number % 3}"), owner)).media.id
        for number in range(6)
        for owner in ("ann", "bob")
    ]
    folders = [StatisticsStore(mesh.catalog) for _ in range(3)]

    async def fold(store: StatisticsStore) -> None:
        for _ in range(12):
            await asyncio.sleep(chance.random() / 500)
            await store.fold(now_ns=mesh.clock(), limit=chance.randint(1, 5))

    async def write() -> None:
        for _ in range(40):
            state = chance.choice(
                [MediaState.PROCESSING, MediaState.PROCESSED, MediaState.FAILED, MediaState.CANCELLED]
            )
            counts = {"face": chance.randint(0, 4)}
            edit = partial(replace, update_time_ns=mesh.clock(), state=state, object_counts=counts)
            await mesh.media.change(chance.choice(stored), edit)

    await asyncio.gather(*(fold(store) for store in folders), write(), write())
    await agree(mesh)


async def test_a_recount_puts_wrong_statistics_right(mesh: MediaMesh) -> None:
    await mesh.upload(photo("one"))
    await fold_all(mesh)
    kept = (await mesh.statistics.kept())["owner:ann"]
    assert await mesh.statistics.replace_totals(kept, Totals(states={"new": 7}), now_ns=mesh.clock())
    recounting = Recounting(mesh.catalog, mesh.statistics)
    assert {difference.what for difference in await recounting.check(now_ns=mesh.clock())} >= {"states", "formats"}
    await recounting.recompute(now_ns=mesh.clock())
    assert await recounting.check(now_ns=mesh.clock()) == []
    assert (await read(mesh)).states == {"new": 1}


def test_camera_models_that_uploaders_make_up_are_bounded() -> None:
    full = Totals(cameras=tuple((f"camera {number:05}", 1) for number in range(CAMERAS_MOST)))
    after = totals_after(full, [(NOTHING, Contribution(camera="another"))], "2033-01-01")
    assert len(after.cameras) == CAMERAS_MOST
    known = totals_after(full, [(NOTHING, Contribution(camera="camera 00007"))], "2033-01-01")
    assert dict(known.cameras)["camera 00007"] == 2
