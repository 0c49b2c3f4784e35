"""Every adapter of a port, behind one fixture each: the suite does not know which one it drives."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest


@pytest.fixture(params=["sqlite", "mongodb"])
def catalog_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty catalog of each kind; opening it twice is what two processes would do."""
    if request.param == "sqlite":
        return f"sqlite://{tmp_path}/catalog.db"
    server: str = request.getfixturevalue("mongo_url")
    return f"{server.rstrip('/')}/test_{uuid.uuid4().hex}"
