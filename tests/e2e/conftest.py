from __future__ import annotations

import tempfile
import uuid
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import httpx
import pytest

from tests.e2e.mesh import MOST_DROP_BYTES, Mesh, bearer, running_mesh
from tests.servers.store_settings import store_settings


@pytest.fixture(scope="session", params=["embedded", "real"])
def stores(request: pytest.FixtureRequest) -> Callable[[], dict[str, str]]:
    """Makes the settings of a mesh without any server, or of one on MongoDB, S3 and RabbitMQ, apart from others."""
    if request.param == "embedded":
        return dict
    mongo_url = request.getfixturevalue("mongo_url")
    amqp_url = request.getfixturevalue("amqp_url")
    return partial(store_settings, mongo_url, amqp_url, request.getfixturevalue("s3"))


@pytest.fixture(scope="session")
def mesh(stores: Callable[[], dict[str, str]]) -> Iterator[Mesh]:
    """A mesh in mode `open`, as scripts/up starts it."""
    # Not pytest's own folder: the path of a unix socket has to be short.
    with tempfile.TemporaryDirectory(prefix="dropmesh-") as data, running_mesh(Path(data), stores()) as running:
        yield running


@pytest.fixture(scope="session")
def tokens_mesh(stores: Callable[[], dict[str, str]]) -> Iterator[Mesh]:
    """A mesh in mode `tokens`."""
    with (
        tempfile.TemporaryDirectory(prefix="dropmesh-") as data,
        running_mesh(Path(data), {**stores(), "DROPMESH_MODE": "tokens"}) as running,
    ):
        yield running


@pytest.fixture(scope="session")
def tight_mesh() -> Iterator[Mesh]:
    """A mesh that takes one call and two watchers at a time, and small drops alone; its services may be killed."""
    limits = {
        "DROPMESH_MAX_IN_FLIGHT": "1",
        "DROPMESH_MAX_WAITS": "2",
        "DROPMESH_MAX_DROP_BYTES": str(MOST_DROP_BYTES),
    }
    with tempfile.TemporaryDirectory(prefix="dropmesh-") as data, running_mesh(Path(data), limits) as running:
        yield running


@pytest.fixture
def client(mesh: Mesh) -> Iterator[httpx.Client]:
    """A REST client of the mesh, without a token."""
    with httpx.Client(base_url=mesh.url, timeout=30) as http:
        yield http


@pytest.fixture
def folder() -> Iterator[Path]:
    """An empty folder for a mesh of a test's own."""
    # Not pytest's own folder: the path of a unix socket has to be short.
    with tempfile.TemporaryDirectory(prefix="dropmesh-") as name:
        yield Path(name)


@pytest.fixture
def dropper(tokens_mesh: Mesh) -> Iterator[httpx.Client]:
    """A caller that nobody else is: what it drops, it alone sees."""
    token = tokens_mesh.token(f"dropper-{uuid.uuid4().hex[:12]}")
    with httpx.Client(base_url=tokens_mesh.url, headers=bearer(token), timeout=60) as client:
        yield client
