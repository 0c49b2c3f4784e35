from __future__ import annotations

import grpc
from dropmesh.v1 import error_reason_pb2 as reasons

from services.common.base.errors import Code, FailedPrecondition
from services.common.rpc.status import error_status


def test_codes_have_the_numbers_and_names_of_grpc() -> None:
    theirs = {code.name: code.value[0] for code in grpc.StatusCode}
    assert {code.name: code.value for code in Code}.items() <= theirs.items()


def test_the_metadata_of_an_error_has_one_order() -> None:
    texts = {
        error_status(FailedPrecondition(reasons.SERIES_TOO_SHORT, "short", metadata=metadata)).SerializeToString()
        for metadata in ({"points": "5", "needed": "12", "a": "1"}, {"a": "1", "needed": "12", "points": "5"})
    }
    assert len(texts) == 1
