"""Why a video cannot be anonymized."""

from __future__ import annotations

from dropmesh.v1 import error_reason_pb2

from services.common.base.errors import FailedPrecondition, InvalidArgument


class VideoTooLarge(InvalidArgument):
    """The video has more pixels, frames or seconds than are taken; `limit` and `found` are texts with their unit."""

    def __init__(self, limit: str, found: str) -> None:
        super().__init__(
            error_reason_pb2.MEDIA_TOO_LONG_OR_WIDE,
            f"the video has {found}, and {limit} are taken",
            metadata={"limit": limit, "found": found},
        )


class VideoUnreadable(InvalidArgument):
    """Not one frame of the video can be had."""

    def __init__(self, format: str, problem: str) -> None:
        super().__init__(
            error_reason_pb2.MEDIA_UNREADABLE,
            f"the {format} cannot be read: {problem}",
            metadata={"format": format},
        )
        self.problem = problem


class VideoCancelled(FailedPrecondition):
    """The work was cancelled between two frames; nothing is left of it."""

    def __init__(self) -> None:
        super().__init__(error_reason_pb2.PROCESSING_CANCELLED, "the processing was cancelled")
