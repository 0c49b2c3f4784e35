"""An upload of the good bytes repairs stored ones that are missing or damaged."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from services.common.contents.store import CONTENTS
from services.common.media.anonymize.options import AnonymizeOptions
from services.common.media.model import Failure
from services.common.media.transitions import fail
from services.common.media.vocabulary import MediaState, Mode
from services.common.objects import Objects
from services.ingest.media.files import FileOptions
from tests.integration.common.media.test_work import begun
from tests.support.media_mesh import MediaMesh, photo, read_all

SIZES = (100, 2_500_000)
Damage = Callable[[Objects, str, bytes], Awaitable[object]]


async def missing(objects: Objects, key: str, data: bytes) -> None:
    await objects.delete([key])


async def cut(objects: Objects, key: str, data: bytes) -> None:
    await objects.put(key, data[:50])


async def emptied(objects: Objects, key: str, data: bytes) -> None:
    await objects.put(key, b"")


async def flipped(objects: Objects, key: str, data: bytes) -> None:
    await objects.put(key, data[:-1] + b"!")


damages = pytest.mark.parametrize("damage", [missing, cut, emptied, flipped])


async def key_of(mesh: MediaMesh) -> str:
    (key,) = await mesh.stored_keys()
    return key


@damages
@pytest.mark.parametrize("size_bytes", SIZES)
async def test_the_same_upload_repairs_and_says_so(mesh: MediaMesh, damage: Damage, size_bytes: int) -> None:
    data = photo("one", size_bytes)
    first = await mesh.upload(data)
    key = await key_of(mesh)
    await damage(mesh.stores.objects, key, data)
    again = await mesh.upload(data)
    assert (again.duplicate, again.repaired, again.media.id) == (True, True, first.media.id)
    assert await read_all(mesh.objects, key) == data
    assert await mesh.stored_keys() == [key]
    third = await mesh.upload(data)
    assert (third.duplicate, third.repaired, third.media.duplicate_count) == (True, False, 2)


@damages
async def test_an_upload_of_another_owner_repairs_and_says_nothing(mesh: MediaMesh, damage: Damage) -> None:
    data = photo("one", 2_500_000)
    await mesh.upload(data)
    key = await key_of(mesh)
    await damage(mesh.stores.objects, key, data)
    other = await mesh.upload(data, "bob")
    assert (other.duplicate, other.repaired) == (False, False)
    assert await read_all(mesh.objects, key) == data
    assert await mesh.stored_keys() == [key]


async def test_an_upload_with_other_options_repairs_too(mesh: MediaMesh) -> None:
    data = photo("one")
    await mesh.upload(data)
    key = await key_of(mesh)
    await missing(mesh.stores.objects, key, data)
    other = await mesh.upload(data, options=FileOptions(AnonymizeOptions(mode=Mode.MOSAIC)))
    assert not other.duplicate
    assert await read_all(mesh.objects, key) == data
    assert await mesh.stored_keys() == [key]


async def test_a_media_that_failed_for_its_bytes_is_processed_again(mesh: MediaMesh) -> None:
    data = photo("one")
    media = await begun(mesh, (await mesh.upload(data)).media.id)
    failure = Failure(15, "CONTENT_MISSING", "the stored bytes are missing")
    await mesh.media.change(media.id, lambda found: fail(found, media.run, failure, now_ns=mesh.clock()))
    unharmed = await mesh.upload(data)
    assert unharmed.media.state is MediaState.FAILED
    await missing(mesh.stores.objects, await key_of(mesh), data)
    again = await mesh.upload(data)
    assert (again.repaired, again.media.state) == (True, MediaState.NEW)
    await mesh.outbox.publish_waiting()
    assert media.id in await mesh.queued()


async def test_what_is_repaired_after_its_last_holder_left_is_no_leftover(mesh: MediaMesh) -> None:
    data = photo("one")
    media = (await mesh.upload(data)).media
    content = await mesh.contents.get(media.original.sha256)
    assert content is not None
    good = (await mesh.stores.objects.put("contents/20260101/00good", data)).key
    await mesh.contents.release(content.id, media.original.holder)
    assert await mesh.stores.catalog.get(CONTENTS, content.id) is None
    await mesh.contents.repair(replace(content), good)
    assert await mesh.stored_keys() == [good]
