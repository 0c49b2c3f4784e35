"""The settings of a mesh on real servers."""

from __future__ import annotations

import uuid

from tests.servers.s3 import S3


def store_settings(mongo_url: str, amqp_url: str, s3: S3, name: str | None = None) -> dict[str, str]:
    """Settings whose database, queues and bucket have this name; without one they are apart from every other mesh's."""
    name = name or f"mesh-{uuid.uuid4().hex}"
    return {
        "DROPMESH_CATALOG": f"{mongo_url.rstrip('/')}/{name.replace('-', '_')}",
        "DROPMESH_QUEUE": f"{amqp_url}?prefix={name}",
        "DROPMESH_OBJECTS": f"s3://{name}",
        "DROPMESH_S3_ENDPOINT": s3.endpoint,
        "DROPMESH_S3_ACCESS_KEY": s3.access_key,
        "DROPMESH_S3_SECRET_KEY": s3.secret_key,
    }
