"""Stores of both kinds, and processes over them that write series."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.common.settings import Settings
from services.common.stores.open import Stores, open_stores
from tests.support.series_writer import SeriesWriter


@pytest.fixture(params=["embedded", "real"])
async def series_stores(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Stores]:
    """Empty stores without any server, and on MongoDB and S3."""
    settings = Settings(data=tmp_path)
    if request.param == "real":
        mongo_url, s3 = request.getfixturevalue("mongo_url").rstrip("/"), request.getfixturevalue("s3")
        settings = Settings(
            data=tmp_path,
            catalog=f"{mongo_url}/series_{uuid.uuid4().hex}",
            objects=f"s3://{uuid.uuid4().hex}",
            queue="embedded",
            s3_endpoint=s3.endpoint,
            s3_access_key=s3.access_key,
            s3_secret_key=s3.secret_key,
        )
    stores = await open_stores(settings)
    yield stores
    await stores.close()


@pytest.fixture
def writer(series_stores: Stores, tmp_path: Path) -> SeriesWriter:
    """A process over the stores."""
    return SeriesWriter(series_stores.catalog, series_stores.objects, tmp_path)
