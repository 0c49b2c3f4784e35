"""The HTTP door's answers as HTTP/1.1 and JSON: the same JSON that the edge makes of a gRPC method's answers."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

import grpc
import orjson
from google.protobuf.message import Message

from services.common.base.errors import DropmeshError
from services.common.rest.json import message_values
from services.common.rpc.status import error_details

ERROR_STATUS = {
    grpc.StatusCode.INVALID_ARGUMENT: 400,
    grpc.StatusCode.UNAUTHENTICATED: 401,
    grpc.StatusCode.PERMISSION_DENIED: 403,
    grpc.StatusCode.NOT_FOUND: 404,
    grpc.StatusCode.ALREADY_EXISTS: 409,
    grpc.StatusCode.FAILED_PRECONDITION: 400,
    grpc.StatusCode.ABORTED: 409,
    grpc.StatusCode.OUT_OF_RANGE: 400,
    grpc.StatusCode.RESOURCE_EXHAUSTED: 429,
    grpc.StatusCode.INTERNAL: 500,
    grpc.StatusCode.DATA_LOSS: 500,
    grpc.StatusCode.UNIMPLEMENTED: 501,
    grpc.StatusCode.UNAVAILABLE: 503,
}
_STARTS = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-type: application/json\r\n"
    for status in HTTPStatus
}


def http_head(status: int, size_bytes: int, more: Mapping[str, str]) -> bytes:
    """The head of an answer in JSON."""
    headers = "".join([f"{name}: {value}\r\n" for name, value in more.items()])
    return f"{_STARTS[status]}{headers}content-length: {size_bytes}\r\n\r\n".encode()


def response_json(response: Message) -> bytes:
    """A method's response."""
    return orjson.dumps(message_values(response))


def error_json(error: DropmeshError) -> bytes:
    """An error as google.rpc.Status."""
    details = [
        {"@type": f"type.googleapis.com/{detail.DESCRIPTOR.full_name}", **message_values(detail)}
        for detail in error_details(error)
    ]
    return orjson.dumps({"code": error.code.value[0], "message": error.message, "details": details})


def error_http_status(error: DropmeshError) -> int:
    """The HTTP status of an error."""
    return error.http_status or ERROR_STATUS[error.code]
