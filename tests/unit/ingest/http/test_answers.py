from __future__ import annotations

import json

import grpc
import pytest
from dropmesh.v1 import error_reason_pb2 as reasons
from dropmesh.v1 import ingest_service_pb2
from google.protobuf import json_format

from services.common.base.errors import InvalidArgument
from services.common.drops.messages import receipt_message
from services.common.drops.receipts import Receipt, ReceiptState
from services.common.rpc.guard import error_status
from services.ingest.http.answers import ERROR_STATUS, error_json, response_json


@pytest.mark.parametrize("receive_time_ns", [0, 1_556_704_800_000_000_000, 1_556_704_800_000_000_001])
def test_the_answer_written_by_hand_is_that_of_the_general_way(receive_time_ns: int) -> None:
    receipt = Receipt("06gv", "anna", 'a "quoted" näme', ReceiptState.NEW, bytes(32), 74, receive_time_ns, b"{}")
    response = ingest_service_pb2.DropMeasurementsResponse(receipt=receipt_message(receipt))
    general = json_format.MessageToDict(
        response, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )
    assert json.loads(response_json(response)) == general
    assert list(json.loads(response_json(response))["receipt"]) == list(general["receipt"])


def test_an_error_is_told_with_its_details() -> None:
    error = InvalidArgument(reasons.REQUEST_TOO_LARGE, "too large", metadata={"limit_bytes": "7"})
    packed = {"grpc-status-details-bin": error_status(error).SerializeToString()}
    told = json.loads(error_json(error.code, error.message, packed))
    assert (told["code"], told["message"]) == (3, "too large")
    assert told["details"][0]["reason"] == "REQUEST_TOO_LARGE"


def test_every_error_of_ours_has_a_status() -> None:
    codes = {grpc.StatusCode[kind] for kind in ("INTERNAL", "UNAVAILABLE", "ALREADY_EXISTS", "RESOURCE_EXHAUSTED")}
    assert codes <= set(ERROR_STATUS)
