"""All errors as typed exceptions; `services.common.rpc.status` makes google.rpc.Status of them.

Each exception has a reason of the contract's ErrorReason. The message is for a person: it says what is wrong, names the
field and the limit, and says what to do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import IntEnum
from typing import ClassVar

from dropmesh.v1 import error_reason_pb2
from dropmesh.v1.error_reason_pb2 import ErrorReason

# Reasons of a field's violation; a broken rule of the contract has the rule's own, such as INT32_GTE.
UNKNOWN_FIELD = "UNKNOWN_FIELD"
INVALID_VALUE = "INVALID_VALUE"
NOT_UTF8 = "NOT_UTF8"


class Code(IntEnum):
    """google.rpc.Code, by gRPC's numbers: gRPC itself takes a process 10 MB, and the children need none."""

    OK = 0
    CANCELLED = 1
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    ABORTED = 10
    OUT_OF_RANGE = 11
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14
    DATA_LOSS = 15
    UNAUTHENTICATED = 16


@dataclass(frozen=True, slots=True)
class FieldViolation:
    """One wrong field of a request: its path as in the contract, the problem for a person, the reason for a program."""

    field: str
    description: str
    reason: str


class DropmeshError(Exception):
    """The base of every error that a caller may get.

    `http_status` is set if REST has a more exact status than gRPC's code (410, 413, 415); `headers` are HTTP headers.
    """

    code: ClassVar[Code]

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

    code = Code.INVALID_ARGUMENT


class InvalidField(InvalidArgument):
    """A field breaks a rule that the contract's own rules cannot express."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(
            error_reason_pb2.INVALID_FIELD,
            f"{field}: {problem}",
            metadata={"field": field},
            violations=[FieldViolation(field, problem, INVALID_VALUE)],
        )


class PageTokenInvalid(InvalidArgument):
    """The page token does not belong to this list: invalid, or from another list or other filters."""

    def __init__(self) -> None:
        super().__init__(
            error_reason_pb2.PAGE_TOKEN_INVALID,
            "page_token: does not belong to this list and these filters; start again without it",
        )


class OutOfRange(DropmeshError):
    """An offset or range outside what exists."""

    code = Code.OUT_OF_RANGE


class Unauthenticated(DropmeshError):
    """The token is missing or not valid."""

    code = Code.UNAUTHENTICATED

    def __init__(
        self, reason: ErrorReason.ValueType, message: str, *, metadata: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(reason, message, metadata=metadata, headers={"www-authenticate": "Bearer"})


class TooSlow(DropmeshError):
    """The request arrives too slowly."""

    code = Code.DEADLINE_EXCEEDED

    def __init__(self, least_bytes: int, window: timedelta) -> None:
        super().__init__(
            error_reason_pb2.TIMED_OUT,
            f"the body arrived too slowly: fewer than {least_bytes} bytes in {window.seconds} s",
            http_status=408,
        )


class PermissionDenied(DropmeshError):
    """The token is valid but lacks the scope."""

    code = Code.PERMISSION_DENIED


class NotFound(DropmeshError):
    """The resource does not exist, or belongs to another owner."""

    code = Code.NOT_FOUND


class AlreadyExists(DropmeshError):
    """The name or the request id is already in use."""

    code = Code.ALREADY_EXISTS


class FailedPrecondition(DropmeshError):
    """The resource's state does not allow the call: retry once the state has changed."""

    code = Code.FAILED_PRECONDITION


class Aborted(DropmeshError):
    """Another client changed it first: read again, then retry."""

    code = Code.ABORTED


class ResourceExhausted(DropmeshError):
    """A limit on load or space is reached: retry later."""

    code = Code.RESOURCE_EXHAUSTED


class DataLoss(DropmeshError):
    """Stored bytes are missing or damaged."""

    code = Code.DATA_LOSS


class Unavailable(DropmeshError):
    """A store or service does not answer: retry."""

    code = Code.UNAVAILABLE


class StoreUnavailable(Unavailable):
    """A store does not answer; the operation may or may not have been applied."""

    def __init__(self, store: str, cause: str) -> None:
        super().__init__(
            error_reason_pb2.STORE_UNAVAILABLE,
            f"the {store} store does not answer; retry after 1 s",
            metadata={"store": store},
            retry_after=timedelta(seconds=1),
        )
        self.cause = cause


class StoreFull(ResourceExhausted):
    """A store is full."""

    def __init__(self, store: str) -> None:
        super().__init__(
            error_reason_pb2.STORE_FULL,
            f"the {store} store is full; free space on it, then retry",
            metadata={"store": store},
            retry_after=timedelta(seconds=60),
            http_status=507,
        )


class StoreCorrupt(DataLoss):
    """The file of a store is damaged: no retry helps."""

    def __init__(self, store: str, cause: str) -> None:
        super().__init__(
            error_reason_pb2.STORE_CORRUPT,
            f"the {store} store is damaged; an operator has to restore it",
            metadata={"store": store},
        )
        self.cause = cause


class ObjectMissing(DataLoss):
    """The catalog names an object that the objects store does not have."""

    def __init__(self, key: str) -> None:
        super().__init__(
            error_reason_pb2.CONTENT_MISSING, "the stored bytes are missing in the objects store", metadata={"key": key}
        )


class ObjectDamaged(DataLoss):
    """The stored bytes are not those that were stored."""

    def __init__(self, key: str) -> None:
        super().__init__(
            error_reason_pb2.CONTENT_DAMAGED,
            "the stored bytes are damaged; upload the same bytes again to repair them",
            metadata={"key": key},
        )
