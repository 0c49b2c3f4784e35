"""How a job can end without a result."""

from __future__ import annotations

from datetime import timedelta

from dropmesh.v1 import error_reason_pb2

from services.common.base.errors import FailedPrecondition, InvalidArgument


class JobTimedOut(FailedPrecondition):
    """The job took longer than it may; its process was killed."""

    def __init__(self, limit: timedelta) -> None:
        seconds = f"{limit.total_seconds():g}"
        super().__init__(
            error_reason_pb2.PROCESSING_TIMED_OUT,
            f"the work took longer than {seconds} seconds",
            metadata={"limit_seconds": seconds},
        )


class JobCrashed(FailedPrecondition):
    """The job's process died under it, by a signal or by an unexpected exit."""

    def __init__(self, exit_code: int | None) -> None:
        super().__init__(error_reason_pb2.PROCESSING_CRASHED, "the content crashed the process that worked on it")
        self.exit_code = exit_code


class JobOutOfMemory(FailedPrecondition):
    """The job asked for more memory than it may have."""

    def __init__(self, limit_bytes: int) -> None:
        super().__init__(
            error_reason_pb2.PROCESSING_OUT_OF_MEMORY,
            f"the work needs more than {limit_bytes >> 20} MiB of memory",
            metadata={"limit_bytes": str(limit_bytes)},
        )


class JobMisbehaved(InvalidArgument):
    """The job's process broke the protocol, as one does that a hostile content has taken over; it was killed."""

    def __init__(self, problem: str) -> None:
        super().__init__(
            error_reason_pb2.MEDIA_UNREADABLE,
            f"the content cannot be read: the process that worked on it misbehaved ({problem})",
            metadata={"problem": problem},
        )


class JobFailed(Exception):
    """The job raised an exception that is no refusal: a fault of ours, of the machine or of a library."""


CHILD_LOST = (JobTimedOut, JobCrashed, JobOutOfMemory, JobMisbehaved)
"""The ends of a job that cost its process."""
