"""The answers of the plain door as HTTP/1.1 and JSON: the same text that the edge makes of a gRPC method's answers."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import grpc
import orjson
from dropmesh.v1 import ingest_service_pb2, measurement_pb2
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from services.common.base.instants import from_timestamp
from services.common.base.timestamps import format_timestamp
from services.common.rest.json import message_values
from services.common.rpc.call import HTTP_STATUS
from services.common.rpc.guard import ERROR_DOMAIN, REQUEST_ID

# The details of an error are packed; what turns them into JSON has to know their types.
DETAILS = (error_details_pb2.ErrorInfo, error_details_pb2.BadRequest, error_details_pb2.RetryInfo)
DETAILS_TRAILER = "grpc-status-details-bin"
ERROR_INFO = f"type.googleapis.com/{error_details_pb2.ErrorInfo.DESCRIPTOR.full_name}"
# The edge tells the request's id itself.
INTERNAL = frozenset({DETAILS_TRAILER, HTTP_STATUS, REQUEST_ID})
ERROR_STATUS = {
    grpc.StatusCode.INVALID_ARGUMENT: "400",
    grpc.StatusCode.UNAUTHENTICATED: "401",
    grpc.StatusCode.PERMISSION_DENIED: "403",
    grpc.StatusCode.NOT_FOUND: "404",
    grpc.StatusCode.ALREADY_EXISTS: "409",
    grpc.StatusCode.FAILED_PRECONDITION: "400",
    grpc.StatusCode.ABORTED: "409",
    grpc.StatusCode.OUT_OF_RANGE: "400",
    grpc.StatusCode.RESOURCE_EXHAUSTED: "429",
    grpc.StatusCode.INTERNAL: "500",
    grpc.StatusCode.DATA_LOSS: "500",
    grpc.StatusCode.UNIMPLEMENTED: "501",
    grpc.StatusCode.UNAVAILABLE: "503",
}
STARTS = {
    str(status.value): f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-type: application/json\r\n"
    for status in HTTPStatus
}


def http_head(status: str, size_bytes: int, more: Mapping[str, str | bytes]) -> bytes:
    """The head of an answer; of what gRPC says beside it, all but what is for gRPC and for the edge."""
    headers = "".join([f"{name}: {value!s}\r\n" for name, value in more.items() if name not in INTERNAL])
    return f"{STARTS[status]}{headers}content-length: {size_bytes}\r\n\r\n".encode()


def response_json(response: Message) -> bytes:
    """The answer to a request that was taken."""
    if isinstance(response, ingest_service_pb2.DropMeasurementsResponse):
        receipt = response.receipt
        if receipt.state == measurement_pb2.Receipt.NEW:
            return orjson.dumps({"receipt": _new_receipt(receipt), "measurements": []})
    return _json(response)


def error_json(code: grpc.StatusCode, message: str, trailers: Mapping[str, Any]) -> bytes:
    """The answer to a request that was refused."""
    packed = trailers.get(DETAILS_TRAILER)
    status = (
        status_pb2.Status(code=code.value[0], message=message)
        if packed is None
        else status_pb2.Status.FromString(packed)
    )
    return _json(status)


def malformed_json(cause: str) -> bytes:
    """The answer to a request that the contract does not take, as the edge words it."""
    return _refusal_json(grpc.StatusCode.INVALID_ARGUMENT, "REQUEST_MALFORMED", f"this request cannot be read. {cause}")


def no_route_json() -> bytes:
    """The answer to a request that no method takes."""
    return _refusal_json(grpc.StatusCode.NOT_FOUND, "ROUTE_NOT_FOUND", "no method has this path; see /docs")


def _json(message: Message) -> bytes:
    return orjson.dumps(message_values(message))


def _refusal_json(code: grpc.StatusCode, reason: str, message: str) -> bytes:
    info = {"@type": ERROR_INFO, "reason": reason, "domain": ERROR_DOMAIN, "metadata": {}}
    return orjson.dumps({"code": code.value[0], "message": message, "details": [info]})


def _new_receipt(receipt: measurement_pb2.Receipt) -> dict[str, Any]:
    # By hand: the general way takes more than twice as long, and this is most of what is answered here.
    return {
        "name": receipt.name,
        "state": "NEW",
        "sha256": receipt.sha256,
        "size_bytes": str(receipt.size_bytes),
        "subject": receipt.subject,
        "receive_time": format_timestamp(from_timestamp(receipt.receive_time)),
        "sequence": str(receipt.sequence),
        "measurements": [],
        "measurement_count": "0",
        "failures": [],
        "failure_count": "0",
        "warnings": [],
        "code_version": "",
    }
