from __future__ import annotations

import json
from datetime import timedelta

from dropmesh.v1 import error_reason_pb2 as reasons
from google.protobuf import json_format

from services.common.base.errors import Code, FieldViolation, InvalidArgument
from services.common.rest.answers import error_json, http_head, stream_head
from services.common.rpc.status import ERROR_STATUS, error_status


def test_an_error_is_told_with_its_details() -> None:
    error = InvalidArgument(
        reasons.REQUEST_TOO_LARGE,
        "too large",
        metadata={"limit_bytes": "7"},
        violations=[FieldViolation("a", "b", "C")],
        retry_after=timedelta(seconds=1.5),
    )
    told = json.loads(error_json(error))
    assert told == json_format.MessageToDict(
        error_status(error), preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )
    assert (told["code"], told["message"]) == (3, "too large")
    assert told["details"][0]["reason"] == "REQUEST_TOO_LARGE"


def test_every_error_of_ours_has_a_status() -> None:
    codes = {Code[kind] for kind in ("INTERNAL", "UNAVAILABLE", "ALREADY_EXISTS", "RESOURCE_EXHAUSTED")}
    assert codes <= set(ERROR_STATUS)


def test_the_head_of_an_answer_says_how_long_it_is_or_that_it_comes_in_chunks() -> None:
    assert http_head(200, 7, {"etag": "x"}) == (
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\netag: x\r\ncontent-length: 7\r\n\r\n"
    )
    assert stream_head(200, {}, "text/csv") == (
        b"HTTP/1.1 200 OK\r\ncontent-type: text/csv\r\ntransfer-encoding: chunked\r\n\r\n"
    )
