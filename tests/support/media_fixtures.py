"""Fixtures of tests that keep media in embedded stores."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.media_mesh import Clock, MediaMesh, Stores


@pytest.fixture
async def stores(tmp_path: Path) -> AsyncIterator[Stores]:
    """Empty stores."""
    opened = await Stores.open(tmp_path)
    yield opened
    await opened.close()


@pytest.fixture
def clock() -> Clock:
    """A clock that stands still until it is told otherwise."""
    return Clock()


@pytest.fixture(params=["sqlite", "mongodb"])
async def each_mesh(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> AsyncIterator[MediaMesh]:
    """A process over empty stores, with a catalog of each kind."""
    if request.param == "sqlite":
        opened = await Stores.open(tmp_path)
    else:
        server: str = request.getfixturevalue("mongo_url")
        opened = await Stores.open_at(tmp_path, f"{server.rstrip('/')}/test_{uuid.uuid4().hex}")
    yield MediaMesh(opened, clock)
    await opened.close()


@pytest.fixture
def mesh(stores: Stores, clock: Clock) -> MediaMesh:
    """A process over the stores."""
    return MediaMesh(stores, clock)
