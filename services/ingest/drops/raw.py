"""The bytes of a drop before they are stored: their limit, and their hash."""

from __future__ import annotations

import hashlib

from dropmesh.v1 import error_reason_pb2 as reasons

from services.common.base.errors import InvalidArgument
from services.common.objects import hashing


def check_size(field: str, raw: bytes, most_bytes: int) -> None:
    """Refuses a drop above the limit."""
    if len(raw) > most_bytes:
        raise InvalidArgument(
            reasons.REQUEST_TOO_LARGE,
            f"{field}: the drop is larger than the limit of {most_bytes} bytes (max_drop_bytes)",
            metadata={"limit_bytes": str(most_bytes)},
            http_status=413,
        )


async def sha256_of(raw: bytes) -> bytes:
    """The hash of a drop."""
    digest = hashlib.sha256()
    await hashing.update(digest, raw)
    return digest.digest()
