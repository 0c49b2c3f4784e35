"""A mesh on real servers: MongoDB's protocol, S3 and RabbitMQ, each behind a link that can be broken."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace

from scripts.measuring.loading.mesh import LoadedMesh, loaded_mesh
from tests.servers.mongodb import mongodb
from tests.servers.rabbitmq import RabbitNode, rabbitmq_node
from tests.servers.s3 import s3
from tests.servers.store_settings import store_settings
from tests.servers.toxiproxy import Link, toxiproxy


@dataclass(frozen=True, slots=True)
class ServerMesh:
    """The mesh, the links before its servers by the name of the store, and the broker."""

    mesh: LoadedMesh
    links: Mapping[str, Link]
    broker: RabbitNode


@contextmanager
def server_mesh(instances: int = 1, settings: Mapping[str, str] | None = None) -> Iterator[ServerMesh]:
    """Starts servers and a mesh of so many of each service, and stops them afterwards."""
    with ExitStack() as stack:
        proxy, bucket = stack.enter_context(toxiproxy()), stack.enter_context(s3())
        broker = stack.enter_context(rabbitmq_node())
        servers = {
            "catalog": stack.enter_context(mongodb()),
            "objects": bucket.endpoint,
            "queue": broker.url,
        }
        links = {name: stack.enter_context(proxy.before(url)) for name, url in servers.items()}
        of_stores = {
            **store_settings(links["catalog"].url, links["queue"].url, replace(bucket, endpoint=links["objects"].url)),
            "DROPMESH_INSTANCES": f"ingest={instances},processor={instances},query={instances}",
        }
        mesh = stack.enter_context(loaded_mesh(settings={**of_stores, **(settings or {})}))
        yield ServerMesh(mesh, links, broker)
