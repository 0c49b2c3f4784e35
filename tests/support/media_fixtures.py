"""Fixtures of tests that keep media in embedded stores."""

from __future__ import annotations

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


@pytest.fixture
def mesh(stores: Stores, clock: Clock) -> MediaMesh:
    """A process over the stores."""
    return MediaMesh(stores, clock)
