"""The HTTP door's answers as HTTP/1.1 and JSON: the same JSON that the edge makes of a gRPC method's answers."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import orjson
from dropmesh.v1 import ingest_service_pb2, measurement_pb2
from google.api.httpbody_pb2 import HttpBody
from google.protobuf.message import Message

from services.common.base.errors import DropmeshError
from services.common.base.instants import from_timestamp
from services.common.base.timestamps import format_timestamp
from services.common.rest.json import json_text, message_values
from services.common.rpc.status import error_details

NO_CONTENT = 204
JSON = "application/json"
HEAD_OF_LINES = b"HTTP/1.1 200 OK\r\ncontent-type: application/x-ndjson\r\ntransfer-encoding: chunked\r\n\r\n"
_STARTS = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-type: " for status in HTTPStatus}


def http_head(status: int, size_bytes: int, more: Mapping[str, str], content_type: str = JSON) -> bytes:
    """The head of an answer."""
    headers = "".join([f"{name}: {value}\r\n" for name, value in more.items()])
    if status == NO_CONTENT:
        return f"HTTP/1.1 204 No Content\r\n{headers}\r\n".encode()
    return f"{_STARTS[status]}{content_type}\r\n{headers}content-length: {size_bytes}\r\n\r\n".encode()


def response_json(response: Message) -> bytes:
    """A method's response."""
    if isinstance(response, ingest_service_pb2.DropMeasurementsResponse):
        receipt = response.receipt
        if receipt.state == measurement_pb2.Receipt.NEW:
            return orjson.dumps({"receipt": _new_receipt(receipt), "measurements": []})
    if isinstance(response, HttpBody):
        return bytes(response.data)
    return orjson.dumps(message_values(response))


def line_json(response: ingest_service_pb2.StreamDropsResponse) -> bytes:
    """A response of a stream."""
    if response.receipt.state == measurement_pb2.Receipt.NEW:
        return orjson.dumps({"number": str(response.number), "receipt": _new_receipt(response.receipt)})
    return json_text(response)


def error_json(error: DropmeshError) -> bytes:
    """An error as google.rpc.Status."""
    details = [
        {"@type": f"type.googleapis.com/{detail.DESCRIPTOR.full_name}", **message_values(detail)}
        for detail in error_details(error)
    ]
    return orjson.dumps({"code": error.code.value[0], "message": error.message, "details": details})


def _new_receipt(receipt: measurement_pb2.Receipt) -> dict[str, Any]:
    # By hand, since most answers are this one; docs/decisions/json-answers.md has the figure.
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
        "source": receipt.source,
    }
