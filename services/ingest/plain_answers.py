"""The answers to plain drops as HTTP/1.1 and JSON: the same text that the edge makes of the gRPC method's answers."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import grpc
import orjson
from dropmesh.v1 import ingest_service_pb2, measurement_pb2
from google.protobuf import json_format
from google.rpc import error_details_pb2, status_pb2

from services.common.instants import from_timestamp
from services.common.timestamps import format_timestamp

# The details of an error are packed; what turns them into JSON has to know their types.
DETAILS = (error_details_pb2.ErrorInfo, error_details_pb2.BadRequest, error_details_pb2.RetryInfo)
ERROR_STATUS = {
    grpc.StatusCode.INVALID_ARGUMENT: "400",
    grpc.StatusCode.UNAUTHENTICATED: "401",
    grpc.StatusCode.PERMISSION_DENIED: "403",
    grpc.StatusCode.NOT_FOUND: "404",
    grpc.StatusCode.ALREADY_EXISTS: "409",
    grpc.StatusCode.RESOURCE_EXHAUSTED: "429",
    grpc.StatusCode.INTERNAL: "500",
    grpc.StatusCode.DATA_LOSS: "500",
    grpc.StatusCode.UNIMPLEMENTED: "501",
    grpc.StatusCode.UNAVAILABLE: "503",
}


def http_head(status: str, size_bytes: int, retry_after: str | None) -> bytes:
    """The head of an answer."""
    retry = f"retry-after: {retry_after}\r\n" if retry_after else ""
    reason = HTTPStatus(int(status)).phrase
    return (
        f"HTTP/1.1 {status} {reason}\r\ncontent-type: application/json\r\n{retry}content-length: {size_bytes}\r\n\r\n"
    ).encode()


def response_json(response: ingest_service_pb2.DropMeasurementsResponse) -> bytes:
    """The answer to a drop that was taken."""
    receipt = response.receipt
    if receipt.state == measurement_pb2.Receipt.NEW:
        return orjson.dumps({"receipt": _new_receipt(receipt), "measurements": []})
    return json_format.MessageToJson(
        response, preserving_proto_field_name=True, always_print_fields_with_no_presence=True, indent=None
    ).encode()


def error_json(code: grpc.StatusCode, message: str, trailers: Mapping[str, Any]) -> bytes:
    """The answer to a drop that was refused."""
    packed = trailers.get("grpc-status-details-bin")
    status = (
        status_pb2.Status(code=code.value[0], message=message)
        if packed is None
        else status_pb2.Status.FromString(packed)
    )
    return json_format.MessageToJson(
        status, preserving_proto_field_name=True, always_print_fields_with_no_presence=True, indent=None
    ).encode()


def _new_receipt(receipt: measurement_pb2.Receipt) -> dict[str, Any]:
    # By hand: the general way takes ten times as long, and this is most of what is answered here.
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
