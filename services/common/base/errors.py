"""All errors as typed exceptions; `services.common.rpc.status` makes google.rpc.Status of them.

Each exception names a reason of the contract's ErrorReason. The message is for a person: it names the field and
the limit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

import grpc
from dropmesh.v1 import error_reason_pb2
from dropmesh.v1.error_reason_pb2 import ErrorReason


@dataclass(frozen=True, slots=True)
class FieldViolation:
    """One field of a request that is wrong, its path as in the contract, and what is wrong with it."""

    field: str
    description: str


class DropmeshError(Exception):
    """The base of every error a caller may see.

    `http_status` is set where REST has a finer word than gRPC's code (410, 413, 415), `headers` what else HTTP says.
    """

    code: ClassVar[grpc.StatusCode]

    def __init__(
        self,
        reason: ErrorReason.ValueType,
        message: str,
        *,
        metadata: Mapping[str, str] | None = None,
        violations: Sequence[FieldViolation] = (),
        retry_after: timedelta | None = None,
        http_status: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.metadata = dict(metadata or {})
        self.violations = tuple(violations)
        self.retry_after = retry_after
        self.http_status = http_status
        self.headers = dict(headers or {})


class InvalidArgument(DropmeshError):
    """The request itself is wrong: do not retry."""

    code = grpc.StatusCode.INVALID_ARGUMENT


class PageTokenInvalid(InvalidArgument):
    """A place that the list asked for never named: forged, of another list, or older than the list's order."""

    def __init__(self) -> None:
        super().__init__(
            error_reason_pb2.PAGE_TOKEN_INVALID,
            "page_token: not one that this list gave; start again without it",
        )


class OutOfRange(DropmeshError):
    """An offset or range outside what exists."""

    code = grpc.StatusCode.OUT_OF_RANGE


class Unauthenticated(DropmeshError):
    """No token, or one that is not valid."""

    code = grpc.StatusCode.UNAUTHENTICATED

    def __init__(
        self, reason: ErrorReason.ValueType, message: str, *, metadata: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(reason, message, metadata=metadata, headers={"www-authenticate": "Bearer"})


class PermissionDenied(DropmeshError):
    """A valid token without the scope."""

    code = grpc.StatusCode.PERMISSION_DENIED


class NotFound(DropmeshError):
    """The resource does not exist, or belongs to another owner."""

    code = grpc.StatusCode.NOT_FOUND


class AlreadyExists(DropmeshError):
    """The name, or the request id, is taken by something else."""

    code = grpc.StatusCode.ALREADY_EXISTS


class FailedPrecondition(DropmeshError):
    """The state of things does not allow it: retry once that has changed."""

    code = grpc.StatusCode.FAILED_PRECONDITION


class Aborted(DropmeshError):
    """Another client changed it first: read again, then retry."""

    code = grpc.StatusCode.ABORTED


class ResourceExhausted(DropmeshError):
    """Too much at once: retry later."""

    code = grpc.StatusCode.RESOURCE_EXHAUSTED


class DataLoss(DropmeshError):
    """Stored bytes are not what was stored."""

    code = grpc.StatusCode.DATA_LOSS


class Unavailable(DropmeshError):
    """Something behind this service does not answer: retry."""

    code = grpc.StatusCode.UNAVAILABLE


class StoreUnavailable(Unavailable):
    """A store does not answer; what was asked of it may or may not have happened."""

    def __init__(self, store: str, cause: str) -> None:
        super().__init__(
            error_reason_pb2.STORE_UNAVAILABLE,
            f"the {store} cannot be reached; try again",
            metadata={"store": store},
            retry_after=timedelta(seconds=1),
        )
        self.cause = cause


class StoreFull(ResourceExhausted):
    """A store has no room left."""

    def __init__(self, store: str) -> None:
        super().__init__(
            error_reason_pb2.STORE_FULL,
            f"the {store} has no room left",
            metadata={"store": store},
            retry_after=timedelta(seconds=60),
            http_status=507,
        )


class ObjectMissing(DataLoss):
    """The catalog names an object that is not in the store."""

    def __init__(self, key: str) -> None:
        super().__init__(error_reason_pb2.CONTENT_MISSING, "the stored bytes are missing", metadata={"key": key})
