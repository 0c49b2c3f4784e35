from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from services.common.contents.store import Contents, Holder, object_key
from tests.support.media_mesh import Clock, MediaMesh, Stores, read_all
from tests.support.mortal import Killed, Life, MortalCatalog, MortalObjects

SHA = "a" * 64


async def put(stores: Stores, data: bytes, clock: Clock) -> str:
    writer = await stores.objects.create(object_key(clock()))
    await writer.write(data)
    return (await writer.commit()).key


async def claim(mesh: MediaMesh, name: str, sha256: str = SHA) -> str:
    key = await put(mesh.stores, b"bytes", mesh.clock)
    return await mesh.contents.claim(sha256, key, 5, Holder(name, f"{name}/original", mesh.clock()))


async def test_many_holders_share_one_object(mesh: MediaMesh) -> None:
    keys = await asyncio.gather(*(claim(mesh, f"m{number}") for number in range(20)))
    assert len(set(keys)) == 1
    assert await mesh.stored_keys() == [keys[0]]


async def test_bytes_stay_until_the_last_holder_lets_go(mesh: MediaMesh) -> None:
    key = await claim(mesh, "a")
    await claim(mesh, "b")
    await mesh.contents.release(SHA, "a/original")
    assert await read_all(mesh.objects, key) == b"bytes"
    await mesh.contents.release(SHA, "b/original")
    assert await mesh.stored_keys() == []
    assert await mesh.contents.get(SHA) is None


async def test_claims_and_releases_can_be_repeated(mesh: MediaMesh) -> None:
    key = await claim(mesh, "a")
    assert await claim(mesh, "a") == key
    await mesh.contents.release(SHA, "nobody")
    await mesh.contents.release(SHA, "a/original")
    await mesh.contents.release(SHA, "a/original")
    assert await mesh.stored_keys() == []


async def test_a_claim_while_the_last_holder_goes_keeps_its_bytes(mesh: MediaMesh) -> None:
    for number in range(20):
        await claim(mesh, "first")
        key, _ = await asyncio.gather(claim(mesh, f"next{number}"), mesh.contents.release(SHA, "first/original"))
        assert await read_all(mesh.objects, key) == b"bytes"
        content = await mesh.contents.get(SHA)
        assert content is not None
        assert content.object_key == key
        await mesh.contents.release(SHA, f"next{number}/original")


@pytest.mark.parametrize("steps", range(6))
async def test_a_release_cut_short_is_finished_by_the_sweep(mesh: MediaMesh, steps: int) -> None:
    await claim(mesh, "a")
    life = Life(steps)
    dying = Contents(MortalCatalog(mesh.stores.catalog, life), MortalObjects(mesh.stores.objects, life))
    with suppress(Killed):
        await dying.release(SHA, "a/original")
    await mesh.sweep_all()
    assert await mesh.stored_keys() == []
    assert await mesh.contents.get(SHA) is None


async def test_a_claim_that_is_settled_outlives_the_sweep(mesh: MediaMesh) -> None:
    stored = await mesh.upload(b"\xff\xd8\xffphoto")
    await mesh.sweep_all()
    content = await mesh.contents.get(stored.media.original.sha256)
    assert content is not None
    assert content.unsettled_since_ns is None
    assert [holder.media for holder in content.holders] == [stored.media.id]
