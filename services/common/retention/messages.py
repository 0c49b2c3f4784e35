"""Retention as a message of the contract."""

from __future__ import annotations

from dropmesh.v1 import retention_pb2

from services.common.base.etags import etag_of
from services.common.base.instants import to_duration, to_timestamp
from services.common.retention.store import Retention


def retention_message(retention: Retention | None) -> retention_pb2.Retention:
    """An owner's settings; None where it never set any."""
    message = retention_pb2.Retention(name="retention", etag=retention_etag(retention))
    if retention is None:
        return message
    kept = {
        "keep_originals": retention.originals_ns,
        "keep_anonymized": retention.anonymized_ns,
        "keep_raw_drops": retention.raw_drops_ns,
        "keep_measurements": retention.measurements_ns,
        "keep_points": retention.points_ns,
    }
    for field, kept_ns in kept.items():
        if kept_ns is not None:
            getattr(message, field).CopyFrom(to_duration(kept_ns))
    message.update_time.CopyFrom(to_timestamp(retention.update_time_ns))
    return message


def retention_etag(retention: Retention | None) -> str:
    """The etag of an owner's settings, also of one that never set any."""
    return etag_of(0 if retention is None else retention.version)
