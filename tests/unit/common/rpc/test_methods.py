from __future__ import annotations

import pytest
from dropmesh.v1 import ingest_service_pb2, processor_service_pb2, query_service_pb2
from google.protobuf.message import Message

from services.common.rpc.methods import wrong_text


def text(number: int, value: bytes) -> bytes:
    return bytes((number << 3 | 2, len(value))) + value


@pytest.mark.parametrize(
    ("request_type", "data", "field"),
    [
        (query_service_pb2.GetMediaRequest, text(1, b"media/\xff"), "name"),
        (query_service_pb2.GetMediaRequest, text(1, b"media/a"), ""),
        (query_service_pb2.GetMediaRequest, b"\x0a\x05x", ""),
        (ingest_service_pb2.DropMeasurementsRequest, text(1, text(1, b"\xff") + text(2, b"\xff")), "body.content_type"),
        (processor_service_pb2.DetectObjectsRequest, text(1, text(2, b"\xff")), ""),
    ],
)
def test_the_field_whose_text_is_not_utf8_is_found(request_type: type[Message], data: bytes, field: str) -> None:
    assert wrong_text(request_type.DESCRIPTOR, data) == field
