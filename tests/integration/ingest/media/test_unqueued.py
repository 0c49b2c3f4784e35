"""Media whose message was lost, with the queue or without it."""

from __future__ import annotations

from datetime import timedelta

from services.common.media.topics import PHOTO_WORK
from services.common.media.transitions import cancel
from services.ingest.media.unqueued import FORGOTTEN_AFTER_WHILE_BUSY
from tests.support.media_mesh import MediaMesh, Stores, photo


async def wipe(stores: Stores) -> None:
    await stores.database.write(lambda connection: connection.execute("DELETE FROM queue_messages"))


async def test_after_the_queue_was_lost_work_goes_on(stores: Stores, mesh: MediaMesh) -> None:
    media = (await mesh.upload(photo("one"))).media
    await mesh.outbox.publish_waiting()
    await wipe(stores)
    assert await mesh.outbox.sweep() == 0
    mesh.clock.advance(60)
    assert await mesh.outbox.sweep() == 1
    assert await mesh.queued() == [media.id]


async def test_a_media_whose_worker_and_message_are_gone_is_found(stores: Stores, mesh: MediaMesh) -> None:
    media = (await mesh.upload(photo("one"))).media
    await mesh.outbox.publish_waiting()
    await mesh.work.begin(media.id, now_ns=mesh.clock())
    await wipe(stores)
    mesh.clock.advance(60)
    assert await mesh.outbox.sweep() == 1
    assert await mesh.queued() == [media.id]


async def test_a_media_that_a_worker_has_is_left_alone(stores: Stores, mesh: MediaMesh) -> None:
    media = (await mesh.upload(photo("one"))).media
    await mesh.outbox.publish_waiting()
    begun = await mesh.work.begin(media.id, now_ns=mesh.clock())
    assert begun is not None
    await wipe(stores)
    for _ in range(10):
        mesh.clock.advance(8)
        assert await mesh.work.extend(media.id, begun.run, now_ns=mesh.clock())
        assert await mesh.outbox.sweep() == 0


async def test_what_waits_for_its_turn_is_not_queued_twice(stores: Stores, mesh: MediaMesh) -> None:
    await mesh.upload(photo("one"))
    await mesh.outbox.publish_waiting()
    mesh.clock.advance(60)
    assert await mesh.outbox.sweep() == 0
    assert await stores.queue.depth(PHOTO_WORK) == 1
    mesh.clock.advance(FORGOTTEN_AFTER_WHILE_BUSY / timedelta(seconds=1))
    assert await mesh.outbox.sweep() == 1


async def test_what_is_done_is_not_found(stores: Stores, mesh: MediaMesh) -> None:
    media = (await mesh.upload(photo("one"))).media
    await mesh.outbox.publish_waiting()
    await mesh.work.begin(media.id, now_ns=mesh.clock())
    await mesh.media.change(media.id, lambda found: cancel(found, now_ns=mesh.clock()))
    await wipe(stores)
    mesh.clock.advance(3600)
    assert await mesh.outbox.sweep() == 0
