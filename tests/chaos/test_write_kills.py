from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from tests.chaos.write_kills import kill_while_writing
from tests.chaos.writes import CLEAR
from tests.e2e.mesh import running_mesh

WRITES = 60


@pytest.mark.timeout(600)
def test_what_was_acknowledged_is_there_however_often_services_are_killed():
    with tempfile.TemporaryDirectory(prefix="dropmesh-") as data, running_mesh(Path(data)) as mesh:
        outcome = kill_while_writing(mesh, kills=4, seed=3, writes=WRITES)
    assert outcome.missing == []
    assert sum(outcome.killed.values()) == 4
    assert outcome.acknowledged > WRITES
    assert set(outcome.refused) <= CLEAR, outcome.refused
