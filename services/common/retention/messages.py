"""Retention as a message of the contract."""

from __future__ import annotations

from dropmesh.v1 import retention_pb2

from services.common.base.instants import to_duration, to_timestamp
from services.common.retention.store import Retention


def retention_message(retention: Retention | None) -> retention_pb2.Retention:
    """An owner's settings; None where it never set any."""
    message = retention_pb2.Retention(name="retention")
    if retention is None:
        return message
    if retention.originals_ns is not None:
        message.keep_originals.CopyFrom(to_duration(retention.originals_ns))
    if retention.anonymized_ns is not None:
        message.keep_anonymized.CopyFrom(to_duration(retention.anonymized_ns))
    if retention.raw_drops_ns is not None:
        message.keep_raw_drops.CopyFrom(to_duration(retention.raw_drops_ns))
    message.update_time.CopyFrom(to_timestamp(retention.update_time_ns))
    return message
