from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from tests.chaos.series_kills import kill_while_storing
from tests.e2e.mesh import running_mesh
from tests.servers.store_settings import store_settings

WRITES = 6


@pytest.fixture(params=["embedded", "servers"])
def settings(request: pytest.FixtureRequest) -> dict[str, str]:
    if request.param == "embedded":
        return {}
    mongo_url, amqp_url, s3 = (request.getfixturevalue(name) for name in ("mongo_url", "amqp_url", "s3"))
    return store_settings(mongo_url, amqp_url, s3)


@pytest.mark.timeout(600)
def test_every_acknowledged_point_is_there_once_however_often_ingest_is_killed(settings):
    with tempfile.TemporaryDirectory(prefix="dropmesh-") as data, running_mesh(Path(data), settings) as mesh:
        outcome = kill_while_storing(mesh, WRITES, seed=5)
    assert outcome.faults == []
    assert outcome.acknowledged == WRITES
    assert outcome.kills >= 1
