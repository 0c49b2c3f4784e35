from __future__ import annotations

from dropmesh.v1 import error_reason_pb2 as reasons

from services.common.base.errors import FailedPrecondition
from services.common.rpc.status import error_status


def test_the_metadata_of_an_error_has_one_order() -> None:
    texts = {
        error_status(FailedPrecondition(reasons.SERIES_TOO_SHORT, "short", metadata=metadata)).SerializeToString()
        for metadata in ({"points": "5", "needed": "12", "a": "1"}, {"a": "1", "needed": "12", "points": "5"})
    }
    assert len(texts) == 1
