from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from tests.chaos.processor_kills import kill_processors
from tests.e2e.mesh import running_mesh


@pytest.mark.timeout(600)
def test_each_media_ends_however_often_processors_are_killed():
    with tempfile.TemporaryDirectory(prefix="dropmesh-") as data, running_mesh(Path(data)) as mesh:
        ended = kill_processors(mesh, media=8, kills=2, seed=1, within_seconds=300)
    assert ended["stuck"] == 0
    assert ended["PROCESSED"] == 8
