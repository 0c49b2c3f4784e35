"""What every test may ask for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# No test measures time, and each run is like the last one; scripts/fuzz looks for more.
settings.register_profile("steady", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("steady")

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
