from __future__ import annotations

import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.e2e.mesh import MOST_DROP_BYTES, Mesh, running_mesh


@pytest.fixture(scope="session", params=["embedded", "real"])
def stores(request: pytest.FixtureRequest) -> dict[str, str]:
    """The settings of a mesh without any server, and of one on MongoDB, S3 and RabbitMQ."""
    if request.param == "embedded":
        return {}
    mongo_url = request.getfixturevalue("mongo_url").rstrip("/")
    s3 = request.getfixturevalue("s3")
    return {
        "DROPMESH_CATALOG": f"{mongo_url}/e2e_{uuid.uuid4().hex}",
        "DROPMESH_OBJECTS": f"s3://{uuid.uuid4().hex}",
        "DROPMESH_QUEUE": request.getfixturevalue("amqp_url"),
        "DROPMESH_S3_ENDPOINT": s3.endpoint,
        "DROPMESH_S3_ACCESS_KEY": s3.access_key,
        "DROPMESH_S3_SECRET_KEY": s3.secret_key,
    }


@pytest.fixture(scope="session")
def mesh(stores: dict[str, str]) -> Iterator[Mesh]:
    """A mesh in mode `open`, as scripts/up starts it."""
    # Not pytest's own folder: the path of a unix socket has to be short.
    with tempfile.TemporaryDirectory(prefix="dropmesh-") as data, running_mesh(Path(data), stores) as running:
        yield running


@pytest.fixture(scope="session")
def tokens_mesh(stores: dict[str, str]) -> Iterator[Mesh]:
    """A mesh in mode `tokens`."""
    apart = {name: f"{value}_tokens" if name == "DROPMESH_CATALOG" else value for name, value in stores.items()}
    with (
        tempfile.TemporaryDirectory(prefix="dropmesh-") as data,
        running_mesh(Path(data), {**apart, "DROPMESH_MODE": "tokens"}) as running,
    ):
        yield running


@pytest.fixture(scope="session")
def tight_mesh() -> Iterator[Mesh]:
    """A mesh that takes one call at a time, and small drops alone; its services may be killed."""
    limits = {"DROPMESH_MAX_IN_FLIGHT": "1", "DROPMESH_MAX_DROP_BYTES": str(MOST_DROP_BYTES)}
    with tempfile.TemporaryDirectory(prefix="dropmesh-") as data, running_mesh(Path(data), limits) as running:
        yield running


@pytest.fixture
def client(mesh: Mesh) -> Iterator[httpx.Client]:
    """A REST client of the mesh, without a token."""
    with httpx.Client(base_url=mesh.url, timeout=30) as http:
        yield http
