"""The servers that a mesh and the plain services beside it write to: MongoDB's protocol, S3 and RabbitMQ."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from tests.servers.mongodb import mongodb
from tests.servers.rabbitmq import rabbitmq_node
from tests.servers.s3 import S3, s3
from tests.servers.store_settings import store_settings


@dataclass(frozen=True, slots=True)
class Servers:
    """Where they are."""

    mongo_url: str
    amqp_url: str
    s3: S3

    def of_mesh(self) -> dict[str, str]:
        """The settings of a mesh with a database, queues and a bucket of its own."""
        return store_settings(self.mongo_url, self.amqp_url, self.s3)

    def of_peer(self) -> Mapping[str, str]:
        """The variables of a plain service with a database of its own."""
        return {
            "REFERENCE_MONGODB": f"{self.mongo_url.rstrip('/')}/peer_{uuid.uuid4().hex}",
            "REFERENCE_S3": self.s3.endpoint,
            "REFERENCE_S3_KEY": self.s3.access_key,
            "REFERENCE_S3_SECRET": self.s3.secret_key,
            "REFERENCE_BUCKET": self.s3.bucket,
        }


@contextmanager
def running_servers() -> Iterator[Servers]:
    """Starts them, and stops them afterwards."""
    with ExitStack() as stack:
        urls = stack.enter_context(mongodb()), stack.enter_context(rabbitmq_node()).url
        yield Servers(*urls, stack.enter_context(s3()))
