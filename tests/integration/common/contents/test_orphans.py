from __future__ import annotations

import pytest

from services.common.contents.store import begun_ns, hour_prefix, object_key
from tests.support.media_mesh import Clock, MediaMesh, photo

HOUR_SECONDS = 3600


async def left_behind(mesh: MediaMesh, begun: str | None = None) -> str:
    """An object whose writer died before anything referred to it."""
    writer = await mesh.objects.create(begun or object_key(mesh.clock()))
    await writer.write(b"nobody's")
    return (await writer.commit()).key


async def is_there(mesh: MediaMesh, key: str) -> bool:
    return await mesh.objects.stat(key) is not None


@pytest.mark.parametrize("down_hours", [0, 5, 30, 24 * 30])
@pytest.mark.parametrize("swept_before", [False, True])
async def test_what_a_crash_left_is_swept_however_long_nothing_swept(
    mesh: MediaMesh, down_hours: int, swept_before: bool
) -> None:
    kept = await mesh.upload(photo("kept"))
    if swept_before:
        await mesh.sweep.sweep_orphans()
    orphan = await left_behind(mesh)
    mesh.clock.advance(down_hours * HOUR_SECONDS)
    await mesh.sweep.sweep_orphans()
    assert not await is_there(mesh, orphan)
    assert await is_there(mesh, kept.media.original.object_key)


async def test_what_took_a_day_to_arrive_is_swept_too(mesh: MediaMesh, clock: Clock) -> None:
    begun = object_key(clock())
    for _ in range(24):
        await mesh.sweep.sweep_orphans()
        clock.advance(HOUR_SECONDS)
    await left_behind(mesh, begun)
    for _ in range(3):
        clock.advance(HOUR_SECONDS)
        await mesh.sweep.sweep_orphans()
    assert not await is_there(mesh, begun)


async def test_hours_that_are_done_are_not_looked_at_again(mesh: MediaMesh, clock: Clock) -> None:
    await mesh.upload(photo("old"))
    await mesh.sweep.sweep_orphans()
    late = object_key(clock())
    clock.advance(100 * HOUR_SECONDS)
    await mesh.sweep.sweep_orphans()
    await left_behind(mesh, late)
    await mesh.sweep.sweep_orphans()
    assert await is_there(mesh, late)


def test_a_key_tells_the_hour_in_which_it_was_begun(clock: Clock) -> None:
    key = object_key(clock())
    assert key.startswith(hour_prefix(begun_ns(key)))
    assert 0 <= clock() - begun_ns(key) < HOUR_SECONDS * 10**9
