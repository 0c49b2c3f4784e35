"""What every error of the mesh looks like over REST and over gRPC, held up to the contract."""

from __future__ import annotations

from typing import Any

import httpx
from dropmesh.v1 import error_reason_pb2
from google.protobuf import json_format
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

REASONS = set(error_reason_pb2.ErrorReason.keys())
ErrorBody = dict[str, Any]


def error_of(answer: httpx.Response) -> ErrorBody:
    """The body of an error, once it is seen to have the one shape."""
    assert answer.headers["content-type"] == "application/json", answer.text
    body = answer.json()
    assert set(body) == {"code", "message", "details"}, body
    status = json_format.ParseDict(body, status_pb2.Status())
    assert 0 < status.code <= 16
    assert status.message
    info = info_of(status)
    assert info.domain == "dropmesh.dev"
    assert info.reason in REASONS
    return dict(body)


def reason_of(answer: httpx.Response) -> str:
    """Why a REST call was refused."""
    return str(info_of(json_format.ParseDict(error_of(answer), status_pb2.Status())).reason)


def status_of(error: Any) -> status_pb2.Status:
    """The status, with its details, of a gRPC call that was refused."""
    status = rpc_status.from_call(error)
    assert status is not None, f"there are no details: {error}"
    assert info_of(status).domain == "dropmesh.dev"
    return status


def grpc_error(error: Any) -> ErrorBody:
    """The same as JSON."""
    return json_format.MessageToDict(
        status_of(error), preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )


def trailer(error: Any, name: str) -> str | None:
    """What a refused gRPC call was told beside."""
    return next((value for key, value in error.trailing_metadata() or () if key == name), None)


def info_of(status: status_pb2.Status) -> error_details_pb2.ErrorInfo:
    """The one ErrorInfo."""
    found = [detail for detail in status.details if detail.Is(error_details_pb2.ErrorInfo.DESCRIPTOR)]
    assert len(found) == 1, status
    info = error_details_pb2.ErrorInfo()
    found[0].Unpack(info)
    return info
