"""Resumable uploads as messages of the contract."""

from __future__ import annotations

from dropmesh.v1 import upload_pb2

from services.common.base.instants import to_timestamp
from services.common.base.names import resource_name
from services.common.media.anonymize.messages import options_message
from services.common.uploads.store import Upload


def upload_message(upload: Upload) -> upload_pb2.Upload:
    """All that its owner sees of an upload."""
    return upload_pb2.Upload(
        name=resource_name("uploads", upload.id),
        state=upload_pb2.Upload.ACTIVE if upload.media is None else upload_pb2.Upload.FINISHED,
        filename=upload.filename,
        size_bytes=upload.size_bytes or 0,
        committed_bytes=upload.committed_bytes,
        anonymize=options_message(upload.anonymize),
        labels=upload.labels,
        create_time=to_timestamp(upload.create_time_ns),
        expire_time=to_timestamp(upload.expire_time_ns),
        media="" if upload.media is None else resource_name("media", upload.media),
    )
