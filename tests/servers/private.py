"""Every private server that can be started here, for as long as a block lasts."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager

from tests.servers.mongodb import mongodb
from tests.servers.rabbitmq import rabbitmq
from tests.servers.s3 import S3, s3
from tests.servers.tools import Missing
from tests.servers.toxiproxy import Toxiproxy, toxiproxy

# Names the servers that this command started itself, so that the report does not call them given.
STARTED = "DROPMESH_TEST_STARTED"
_SERVERS: dict[str, Callable[[], AbstractContextManager[str | S3 | Toxiproxy]]] = {
    "mongodb": mongodb,
    "rabbitmq": rabbitmq,
    "s3": s3,
    "toxiproxy": toxiproxy,
}


def variable(name: str) -> str:
    """The environment variable that holds a server's address."""
    return f"DROPMESH_TEST_{name.upper()}"


@contextmanager
def private_servers(without: Collection[str] = ()) -> Iterator[tuple[dict[str, str], list[Missing]]]:
    """Yields the variables with the servers' addresses, and what is missing; given servers are used instead."""
    missing: list[Missing] = []
    addresses: dict[str, str] = {}
    started = []
    with ExitStack() as stack:
        for name, start in _SERVERS.items():
            if name in without or os.environ.get(variable(name)):
                continue
            try:
                server = stack.enter_context(start())
            except Missing as reason:
                missing.append(reason)
                continue
            addresses[variable(name)] = server if isinstance(server, str) else server.url
            started.append(name)
        yield {**addresses, STARTED: ",".join(started)}, missing


def was_started(name: str) -> bool:
    """Whether the server of this name was started by the command that runs these tests."""
    return name in os.environ.get(STARTED, "").split(",")
