from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from services.common.objects import Objects
from services.common.settings import Settings
from services.common.stores.open import open_objects


@pytest.fixture(params=["directory", "s3"])
def objects_settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """An empty store of each kind."""
    if request.param == "directory":
        return Settings(data=tmp_path)
    server = request.getfixturevalue("s3")
    return Settings(
        data=tmp_path,
        objects=f"s3://{uuid.uuid4().hex}/meshes/one",
        s3_endpoint=server.endpoint,
        s3_access_key=server.access_key,
        s3_secret_key=server.secret_key,
        s3_region=server.region,
    )


@pytest.fixture
async def objects(objects_settings: Settings):
    store = await open_objects(objects_settings)
    yield store
    await store.close()


@pytest.fixture
def put(objects: Objects) -> Callable[[str, bytes], Awaitable[None]]:
    async def put_object(key: str, data: bytes) -> None:
        writer = await objects.create(key)
        for start in range(0, len(data), 1_000_000):
            await writer.write(memoryview(data)[start : start + 1_000_000])
        await writer.commit()

    return put_object
