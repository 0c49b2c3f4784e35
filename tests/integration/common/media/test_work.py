from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial

import pytest

from services.common.base.instants import to_ns
from services.common.contents.store import Holder
from services.common.contents.writer import ContentWriter
from services.common.media.detected_objects import DetectedObject
from services.common.media.model import Content, Failure, Media
from services.common.media.transitions import Findings, cancel, delete, process_again
from services.common.media.vocabulary import Box, MediaState, ObjectClass
from services.common.media.work import LEASE, HeldByAnother
from tests.support.media_mesh import MediaMesh, photo

FAILURE = Failure(9, "PROCESSING_CRASHED", "it crashed")
FACE = DetectedObject(1, ObjectClass.FACE, 0.9, Box(0, 0, 1, 1))


async def claimed(mesh: MediaMesh, media: Media, data: bytes) -> Content:
    """What a worker does with the bytes it made."""
    writer = ContentWriter(mesh.objects, mesh.clock())
    await writer.write(data)
    written = await writer.commit()
    holder = f"{media.id}/{media.run}"
    key = await mesh.contents.claim(
        written.sha256, written.object_key, written.size_bytes, Holder(media.id, holder, mesh.clock())
    )
    return Content(written.sha256, key, holder, "jpeg", "image/jpeg", written.size_bytes)


async def begun(mesh: MediaMesh, media_id: str) -> Media:
    media = await mesh.work.begin(media_id, now_ns=mesh.clock())
    assert media is not None
    return media


async def finish(mesh: MediaMesh, media: Media, data: bytes) -> bool:
    content = await claimed(mesh, media, data)
    await mesh.found.write(media.id, media.run, [FACE])
    finished = await mesh.work.finish(media.id, media.run, content, Findings({"face": 1}), now_ns=mesh.clock())
    if finished:
        await mesh.contents.settle([(content.sha256, content.holder)])
    else:
        await mesh.contents.release(content.sha256, content.holder)
        await mesh.found.delete(media.id, media.run)
    return finished


async def test_a_result_becomes_the_medias(mesh: MediaMesh) -> None:
    media = await begun(mesh, (await mesh.upload(photo("one"))).media.id)
    assert media.state is MediaState.PROCESSING
    assert await mesh.work.progress(media.id, media.run, progress=0.5, now_ns=mesh.clock())
    assert await finish(mesh, media, b"covered")
    done = await mesh.media.find(media.id)
    assert done is not None
    assert (done.state, done.object_counts, done.processing.progress) == (MediaState.PROCESSED, {"face": 1}, 1.0)
    found, _ = await mesh.found.list(media.id, media.run)
    assert found == [FACE]
    assert await mesh.work.begin(media.id, now_ns=mesh.clock()) is None


async def test_a_stale_worker_cannot_overwrite(mesh: MediaMesh) -> None:
    media_id = (await mesh.upload(photo("one"))).media.id
    slow = await begun(mesh, media_id)
    mesh.clock.advance(60)
    quick = await begun(mesh, media_id)
    assert not await mesh.work.progress(media_id, slow.run, progress=0.9, now_ns=mesh.clock())
    assert await finish(mesh, quick, b"right")
    assert not await finish(mesh, slow, b"late")
    assert not await mesh.work.fail(media_id, slow.run, FAILURE, now_ns=mesh.clock())
    done = await mesh.media.find(media_id)
    assert done is not None
    assert done.anonymized is not None
    assert len(await mesh.stored_keys()) == 2


async def test_a_lease_from_before_a_clock_was_set_back_ends_soon(mesh: MediaMesh) -> None:
    held = await begun(mesh, (await mesh.upload(photo("one"))).media.id)
    now_ns = mesh.clock() - to_ns(timedelta(hours=1))
    with pytest.raises(HeldByAnother) as first:
        await mesh.work.begin(held.id, now_ns=now_ns)
    assert first.value.until_ns == now_ns + to_ns(LEASE)
    # Its worker lives: it goes on extending its lease.
    assert await mesh.work.extend(held.id, held.run, now_ns=now_ns + 1)
    with pytest.raises(HeldByAnother):
        await mesh.work.begin(held.id, now_ns=now_ns + to_ns(LEASE))
    # Its worker died.
    other = await mesh.work.begin(held.id, now_ns=now_ns + 2 * to_ns(LEASE))
    assert other is not None
    assert other.run == held.run + 1


@pytest.mark.parametrize("end", [partial(delete, purge_after_ns=10), cancel])
async def test_a_worker_of_what_was_ended_is_told_so(mesh: MediaMesh, end: Callable[..., Media | None]) -> None:
    media = await begun(mesh, (await mesh.upload(photo("one"))).media.id)
    await mesh.media.change(media.id, lambda found: end(found, now_ns=mesh.clock()))
    assert not await mesh.work.is_current(media.id, media.run)
    assert not await finish(mesh, media, b"late")
    assert await mesh.work.begin(media.id, now_ns=mesh.clock()) is None


async def test_processed_anew_what_was_before_goes(mesh: MediaMesh) -> None:
    first = await begun(mesh, (await mesh.upload(photo("one"))).media.id)
    assert await finish(mesh, first, b"first")
    await mesh.media.change(first.id, lambda media: process_again(media, None, now_ns=mesh.clock()))
    second = await begun(mesh, first.id)
    assert await finish(mesh, second, b"second")
    await mesh.sweep_all()
    done = await mesh.media.find(first.id)
    assert done is not None
    assert done.anonymized is not None
    assert sorted(await mesh.stored_keys()) == sorted([done.original.object_key, done.anonymized.object_key])
    assert (await mesh.found.list(first.id, first.run))[0] == []
    assert (await mesh.found.list(first.id, second.run))[0] == [FACE]
    assert done.leftovers == ()
    assert done.unclean_since_ns is None


async def test_the_same_result_again_keeps_its_bytes(mesh: MediaMesh) -> None:
    first = await begun(mesh, (await mesh.upload(photo("one"))).media.id)
    assert await finish(mesh, first, b"same")
    await mesh.media.change(first.id, lambda media: process_again(media, None, now_ns=mesh.clock()))
    assert await finish(mesh, await begun(mesh, first.id), b"same")
    await mesh.sweep_all()
    assert len(await mesh.stored_keys()) == 2


async def test_a_media_fails_once(mesh: MediaMesh) -> None:
    media = await begun(mesh, (await mesh.upload(photo("one"))).media.id)
    assert await mesh.work.fail(media.id, media.run, FAILURE, now_ns=mesh.clock())
    failed = await mesh.media.find(media.id)
    assert failed is not None
    assert failed.processing.error == FAILURE
    assert not await mesh.work.fail(media.id, media.run, FAILURE, now_ns=mesh.clock())


async def test_a_lease_that_ends_by_itself_is_an_attempt_and_one_that_is_let_go_is_none(mesh: MediaMesh) -> None:
    media_id = (await mesh.upload(photo("one"))).media.id
    first = await begun(mesh, media_id)
    await mesh.work.let_go(media_id, first.run, is_failure=False, now_ns=mesh.clock())
    second = await begun(mesh, media_id)
    mesh.clock.advance(60)
    third = await begun(mesh, media_id)
    await mesh.work.let_go(media_id, third.run, is_failure=True, now_ns=mesh.clock())
    fourth = await begun(mesh, media_id)
    assert [media.processing.attempt for media in (first, second, third, fourth)] == [1, 1, 2, 3]


async def test_a_lease_that_ended_while_a_store_was_away_is_excused(mesh: MediaMesh) -> None:
    media_id = (await mesh.upload(photo("one"))).media.id
    await begun(mesh, media_id)
    mesh.clock.advance(60)
    media = await mesh.work.begin(media_id, now_ns=mesh.clock(), excuses=lambda _: True)
    assert media is not None
    assert media.processing.attempt == 1


async def test_a_lease_lasts_as_long_as_it_is_extended(mesh: MediaMesh) -> None:
    media_id = (await mesh.upload(photo("one"))).media.id
    media = await begun(mesh, media_id)
    for _ in range(5):
        mesh.clock.advance(8)
        assert await mesh.work.extend(media_id, media.run, now_ns=mesh.clock())
    with pytest.raises(HeldByAnother):
        await begun(mesh, media_id)
    mesh.clock.advance(11)
    assert (await begun(mesh, media_id)).run == media.run + 1
    assert not await mesh.work.extend(media_id, media.run, now_ns=mesh.clock())
