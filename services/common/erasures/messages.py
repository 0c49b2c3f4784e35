"""Erasures as messages of the contract."""

from __future__ import annotations

from dropmesh.v1 import erasure_pb2

from services.common.base.instants import to_timestamp
from services.common.erasures.store import Erasure


def erasure_message(erasure: Erasure) -> erasure_pb2.Erasure:
    """An erasure while it runs, or its certificate."""
    message = erasure_pb2.Erasure(
        name=f"erasures/{erasure.id}",
        state=erasure_pb2.Erasure.RUNNING if erasure.end_time_ns is None else erasure_pb2.Erasure.DONE,
        owner=erasure.owner or "",
        keep_tokens=erasure.keep_tokens,
        create_time=to_timestamp(erasure.create_time_ns),
        counts=[
            erasure_pb2.ErasureCount(
                kind=count.kind, documents=count.documents, objects=count.objects, size_bytes=count.size_bytes
            )
            for count in erasure.counts
        ],
        names_sha256=erasure.names_sha256.hex(),
    )
    if erasure.end_time_ns is not None:
        message.end_time.CopyFrom(to_timestamp(erasure.end_time_ns))
    return message
