from __future__ import annotations

import json

import pytest
from dropmesh.v1 import error_reason_pb2 as reasons
from dropmesh.v1 import ingest_service_pb2
from google.protobuf import json_format

from services.common.base.errors import InvalidArgument
from services.common.drops.messages import receipt_message
from services.common.drops.receipt import Receipt, ReceiptState
from services.common.rest.json import json_text
from services.common.rpc.status import error_status
from services.ingest.http.answers import line_json, response_json


@pytest.mark.parametrize("receive_time_ns", [0, 1_556_704_800_000_000_000, 1_556_704_800_000_000_001])
def test_an_answer_is_what_the_library_makes_of_it(receive_time_ns: int) -> None:
    receipt = Receipt("06gv", "anna", 'a "quoted" näme', ReceiptState.NEW, bytes(32), 74, receive_time_ns, b"{}")
    response = ingest_service_pb2.DropMeasurementsResponse(receipt=receipt_message(receipt, "anna"))
    general = json_format.MessageToDict(
        response, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )
    assert json.loads(response_json(response)) == general
    assert response_json(response) == json_text(response)


@pytest.mark.parametrize("state", [ReceiptState.NEW, ReceiptState.PROCESSED])
def test_a_line_is_what_the_library_makes_of_it(state: ReceiptState) -> None:
    process_time_ns = None if state is ReceiptState.NEW else 2
    receipt = Receipt("06gv", "anna", "anna", state, bytes(32), 74, 1, source="p", process_time_ns=process_time_ns)
    stored = ingest_service_pb2.StreamDropsResponse(number=7, receipt=receipt_message(receipt, "anna"))
    refused = ingest_service_pb2.StreamDropsResponse(number=8)
    refused.error.CopyFrom(error_status(InvalidArgument(reasons.REQUEST_TOO_LARGE, "too large")))
    for response in (stored, refused):
        general = json_format.MessageToDict(
            response, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
        )
        assert json.loads(line_json(response)) == general
