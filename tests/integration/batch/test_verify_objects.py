from __future__ import annotations

import argparse
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import cast

import pytest

from batch.stored_objects import PAGE
from batch.verify_objects import verify_objects
from services.common.base.errors import StoreUnavailable
from services.common.media.vocabulary import MediaState
from services.common.objects import Objects
from services.common.settings import Settings
from services.common.stores.open import Stores, open_stores
from tests.integration.common.media.test_work import begun, finish
from tests.support.media_mesh import MediaMesh, photo

Run = Callable[[], Awaitable[int]]


@pytest.fixture
async def opened(tmp_path: Path, mesh: MediaMesh) -> AsyncIterator[Stores]:
    """The stores of the mesh as a job opens them."""
    settings = Settings(data=tmp_path, catalog=f"sqlite:///{mesh.stores.database.path}")
    stores = await open_stores(settings)
    yield Stores(stores.catalog, mesh.stores.objects, stores.queue)
    await stores.close()


@pytest.fixture
def run(opened: Stores) -> Run:
    async def verify() -> int:
        return await verify_objects(opened, Settings(), argparse.Namespace(from_start=False))

    return verify


async def key_of(mesh: MediaMesh, name: str) -> str:
    media = (await mesh.upload(photo(name))).media
    return media.original.object_key


async def test_all_is_well(mesh: MediaMesh, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("one", "two"):
        await mesh.upload(photo(name))
    assert await run() == 0
    assert "2 objects" in (printed := capsys.readouterr().out)
    assert "0 are missing, 0 damaged" in printed


async def test_what_is_missing_or_damaged_is_listed(
    mesh: MediaMesh, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    missing, damaged, good = [await key_of(mesh, name) for name in ("one", "two", "three")]
    await mesh.stores.objects.delete([missing])
    await mesh.stores.objects.put(damaged, photo("twO"))
    assert await run() == 1
    printed = capsys.readouterr().out
    assert f"missing: {missing}" in printed
    assert f"damaged: {damaged}" in printed
    assert good not in printed
    await mesh.upload(photo("one"))
    await mesh.upload(photo("two"))
    assert await run() == 0


async def test_a_damaged_result_is_made_again(mesh: MediaMesh, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    media = (await mesh.upload(photo("one"))).media
    await finish(mesh, await begun(mesh, media.id), b"covered")
    done = await mesh.media.find(media.id)
    assert done is not None
    assert done.anonymized is not None
    await mesh.stores.objects.put(done.anonymized.object_key, b"cover")
    assert await run() == 1
    assert f"media/{media.id} is processed again" in capsys.readouterr().out
    now = await mesh.media.find(media.id)
    assert now is not None
    assert now.state is MediaState.NEW
    assert media.id in await mesh.queued()


class BreaksAfter:
    """Objects that cannot be reached after some reads."""

    def __init__(self, objects: Objects, reads: int) -> None:
        self._objects, self._left = objects, reads

    def read(self, key: str, offset: int = 0, length: int | None = None) -> AsyncIterator[bytes]:
        self._left -= 1
        if self._left < 0:
            raise StoreUnavailable("objects", "away")
        return self._objects.read(key, offset, length)


async def test_a_job_that_broke_off_goes_on_where_it_was(
    mesh: MediaMesh, opened: Stores, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(PAGE + 5):
        await mesh.upload(photo(f"number {number}"))
    broken = Stores(opened.catalog, cast(Objects, BreaksAfter(opened.objects, PAGE + 2)), opened.queue)
    with pytest.raises(StoreUnavailable):
        await verify_objects(broken, Settings(), argparse.Namespace(from_start=False))
    capsys.readouterr()
    assert await run() == 0
    assert capsys.readouterr().out.startswith("5 objects of")
    assert await run() == 0
    assert capsys.readouterr().out.startswith(f"{PAGE + 5} objects of")
