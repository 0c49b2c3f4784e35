from __future__ import annotations

import tempfile
import uuid
from pathlib import Path

import pytest

from tests.chaos.series_kills import kill_while_storing
from tests.e2e.mesh import running_mesh

WRITES = 6


@pytest.fixture(params=["embedded", "servers"])
def settings(request: pytest.FixtureRequest) -> dict[str, str]:
    if request.param == "embedded":
        return {}
    s3 = request.getfixturevalue("s3")
    mongo_url, amqp_url = request.getfixturevalue("mongo_url"), request.getfixturevalue("amqp_url")
    return {
        "DROPMESH_CATALOG": f"{mongo_url.rstrip('/')}/series_{uuid.uuid4().hex}",
        "DROPMESH_QUEUE": f"{amqp_url}?prefix=series-{uuid.uuid4().hex}",
        "DROPMESH_OBJECTS": f"s3://series-{uuid.uuid4().hex[:20]}",
        "DROPMESH_S3_ENDPOINT": s3.endpoint,
        "DROPMESH_S3_ACCESS_KEY": s3.access_key,
        "DROPMESH_S3_SECRET_KEY": s3.secret_key,
    }


@pytest.mark.timeout(600)
def test_every_acknowledged_point_is_there_once_however_often_ingest_is_killed(settings):
    with tempfile.TemporaryDirectory(prefix="dropmesh-") as data, running_mesh(Path(data), settings) as mesh:
        outcome = kill_while_storing(mesh, WRITES, seed=5)
    assert outcome.faults == []
    assert outcome.acknowledged == WRITES
    assert outcome.kills >= 1
