"""Session fixtures over the real servers: started when asked for, or taken from the environment, or skipped plainly.

`DROPMESH_TEST_MONGODB`, `DROPMESH_TEST_RABBITMQ`, `DROPMESH_TEST_S3` (`http://ACCESS:SECRET@HOST:PORT/BUCKET`) and
`DROPMESH_TEST_TOXIPROXY` name servers that run already; without them each is started privately.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TypeVar

import pytest

from tests.servers.mongodb import mongodb
from tests.servers.private import variable, was_started
from tests.servers.rabbitmq import rabbitmq
from tests.servers.report import REPORT
from tests.servers.s3 import S3
from tests.servers.s3 import s3 as private_s3
from tests.servers.tools import Missing, find_tool
from tests.servers.toxiproxy import Toxiproxy
from tests.servers.toxiproxy import toxiproxy as private_toxiproxy

_Server = TypeVar("_Server")


@pytest.fixture(scope="session")
def mongo_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """The `mongodb://` address of a real server, without a database: every test takes a database name of its own."""
    with _server(request, "mongodb", str, mongodb) as url:
        yield url


@pytest.fixture(scope="session")
def amqp_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """The `amqp://` address of a real RabbitMQ: every test takes queue names of its own."""
    with _server(request, "rabbitmq", str, rabbitmq) as url:
        yield url


@pytest.fixture(scope="session")
def s3(request: pytest.FixtureRequest) -> Iterator[S3]:
    """A real S3 server with a bucket: every test takes a key prefix of its own."""
    with _server(request, "s3", S3.from_url, private_s3) as server:
        yield server


@pytest.fixture(scope="session")
def toxiproxy(request: pytest.FixtureRequest) -> Iterator[Toxiproxy]:
    """Opens breakable links to the other servers: `with toxiproxy.before(mongo_url) as link: link.cut()`."""
    with _server(request, "toxiproxy", Toxiproxy, private_toxiproxy) as proxy:
        yield proxy


@pytest.fixture(scope="session")
def tool(request: pytest.FixtureRequest) -> Callable[[str], Path]:
    """Finds a judge's program by name (`tool("grpcurl")`), or skips the test that needs it."""

    def find(name: str) -> Path:
        try:
            program = find_tool(name)
        except Missing as missing:
            pytest.skip(str(missing))
        request.config.stash[REPORT].used[name] = str(program)
        return program

    return find


@contextmanager
def _server(
    request: pytest.FixtureRequest,
    name: str,
    given: Callable[[str], _Server],
    private: Callable[[], AbstractContextManager[_Server]],
) -> Iterator[_Server]:
    used = request.config.stash[REPORT].used
    address = os.environ.get(variable(name))
    if address:
        used[name] = "started for these tests" if was_started(name) else "given by the environment"
        yield given(address)
        return
    try:
        context = private()
        server = context.__enter__()
    except Missing as missing:
        pytest.skip(str(missing))
    used[name] = "started for these tests"
    try:
        yield server
    finally:
        context.__exit__(None, None, None)
