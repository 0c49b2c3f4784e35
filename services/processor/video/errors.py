"""How the work on a video can end early."""

from __future__ import annotations

from dropmesh.v1 import error_reason_pb2

from services.common.base.errors import FailedPrecondition


class VideoCancelled(FailedPrecondition):
    """The work was cancelled between two frames; nothing is left of it."""

    def __init__(self) -> None:
        super().__init__(error_reason_pb2.PROCESSING_CANCELLED, "the processing was cancelled")
