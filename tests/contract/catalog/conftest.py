from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from services.common.catalog import Catalog
from services.common.catalog.opening import open_catalog
from tests.contract.catalog.collections import COLLECTIONS


@pytest.fixture
async def catalog(catalog_url: str) -> AsyncIterator[Catalog]:
    """An empty catalog."""
    opened = await open_catalog(catalog_url, COLLECTIONS)
    yield opened
    await opened.close()


@pytest.fixture
async def other(catalog_url: str, catalog: Catalog) -> AsyncIterator[Catalog]:
    """The same catalog as another process sees it."""
    opened = await open_catalog(catalog_url, COLLECTIONS)
    yield opened
    await opened.close()
