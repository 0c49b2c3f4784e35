"""A DropmeshError as google.rpc.Status, and what is sent beside it."""

from __future__ import annotations

from dropmesh.v1 import error_reason_pb2 as reasons
from google.protobuf import any_pb2
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from services.common.base.errors import Code, DropmeshError

ERROR_DOMAIN = "dropmesh.dev"
ERROR_STATUS = {
    Code.INVALID_ARGUMENT: 400,
    Code.UNAUTHENTICATED: 401,
    Code.PERMISSION_DENIED: 403,
    Code.NOT_FOUND: 404,
    Code.ALREADY_EXISTS: 409,
    Code.FAILED_PRECONDITION: 400,
    Code.ABORTED: 409,
    Code.OUT_OF_RANGE: 400,
    Code.RESOURCE_EXHAUSTED: 429,
    Code.INTERNAL: 500,
    Code.DATA_LOSS: 500,
    Code.UNIMPLEMENTED: 501,
    Code.UNAVAILABLE: 503,
}


def error_status(error: DropmeshError) -> status_pb2.Status:
    """The error with its details."""
    status = status_pb2.Status(code=error.code, message=error.message)
    for detail in error_details(error):
        packed = any_pb2.Any()
        # So that a map has one order by each way that an error takes.
        packed.Pack(detail, deterministic=True)
        status.details.append(packed)
    return status


def error_details(error: DropmeshError) -> list[Message]:
    """One ErrorInfo, the field violations, and when to retry."""
    info = error_details_pb2.ErrorInfo(
        reason=reasons.ErrorReason.Name(error.reason), domain=ERROR_DOMAIN, metadata=error.metadata
    )
    details: list[Message] = [info]
    if error.violations:
        bad = error_details_pb2.BadRequest()
        for violation in error.violations:
            bad.field_violations.add(field=violation.field, description=violation.description, reason=violation.reason)
        details.append(bad)
    if error.retry_after is not None:
        retry = error_details_pb2.RetryInfo()
        retry.retry_delay.FromTimedelta(error.retry_after)
        details.append(retry)
    return details


def error_http_status(error: DropmeshError) -> int:
    """The HTTP status of an error."""
    return error.http_status or ERROR_STATUS[error.code]


def error_headers(error: DropmeshError) -> dict[str, str]:
    """HTTP headers of the answer, which gRPC sends as trailing metadata."""
    if error.retry_after is None:
        return error.headers
    return {**error.headers, "retry-after": str(max(1, round(error.retry_after.total_seconds())))}
