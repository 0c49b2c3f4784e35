"""The HTTP door's answers as JSON: the same JSON that the edge makes of a gRPC method's answers."""

from __future__ import annotations

from typing import Any

from dropmesh.v1 import ingest_service_pb2, measurement_pb2
from google.api.httpbody_pb2 import HttpBody
from google.protobuf.message import Message

from services.common.base.instants import from_timestamp
from services.common.base.timestamps import format_timestamp
from services.common.rest.answers import stream_head
from services.common.rest.json import json_text, values_text

HEAD_OF_LINES = stream_head(200, {}, "application/x-ndjson")


def response_json(response: Message) -> bytes:
    """A method's response."""
    if isinstance(response, ingest_service_pb2.DropMeasurementsResponse):
        receipt = response.receipt
        if receipt.state == measurement_pb2.Receipt.NEW:
            return values_text({"receipt": _new_receipt(receipt), "measurements": []})
    if isinstance(response, HttpBody):
        return bytes(response.data)
    return json_text(response)


def line_json(response: ingest_service_pb2.StreamDropsResponse) -> bytes:
    """A response of a stream."""
    if response.receipt.state == measurement_pb2.Receipt.NEW:
        return values_text({"number": str(response.number), "receipt": _new_receipt(response.receipt)})
    return json_text(response)


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
