"""Fixtures of a whole mesh's stores: embedded ones, and those of real servers."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.common.settings import Settings
from services.common.stores.open import Stores, open_stores


@pytest.fixture(params=["embedded", "servers"])
def store_settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """Settings of a mesh with empty stores of each kind."""
    if request.param == "embedded":
        return Settings(data=tmp_path)
    name = f"mesh{uuid.uuid4().hex[:16]}"
    s3 = request.getfixturevalue("s3")
    return Settings(
        data=tmp_path,
        catalog=f"{request.getfixturevalue('mongo_url').rstrip('/')}/{name}",
        queue=f"{request.getfixturevalue('amqp_url')}?prefix={name}",
        objects=f"s3://{name}",
        s3_endpoint=s3.endpoint,
        s3_access_key=s3.access_key,
        s3_secret_key=s3.secret_key,
        s3_region=s3.region,
    )


@pytest.fixture
async def all_stores(store_settings: Settings) -> AsyncIterator[Stores]:
    """The opened stores of such a mesh."""
    stores = await open_stores(store_settings)
    yield stores
    await stores.close()
