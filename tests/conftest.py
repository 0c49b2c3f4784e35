"""What every test may ask for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

pytest_plugins = [
    "tests.servers.report",
    "tests.servers.fixtures",
    "tests.support.media_fixtures",
    "tests.support.store_fixtures",
]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real media and models that lies beside a checkout, or DROPMESH_SHARED; skips without it."""
    folder = Path(os.environ.get("DROPMESH_SHARED") or Path(__file__).resolve().parents[2] / "shared")
    if not folder.is_dir():
        pytest.skip(f"needs shared data: no folder {folder.name} beside the checkout")
    return folder
