from __future__ import annotations

import pytest
from dropmesh.v1 import error_reason_pb2 as reasons

from services.common.base.errors import FailedPrecondition, InvalidArgument
from services.common.workers.plain import encode
from services.common.workers.protocol import MAX_REFUSAL_BYTES, Misbehaviour
from services.common.workers.refusals import decode_refusal, encode_refusal


@pytest.mark.parametrize("kind", [InvalidArgument, FailedPrecondition])
def test_a_refusal_comes_back_with_all_that_a_client_sees(kind: type[InvalidArgument | FailedPrecondition]) -> None:
    refusal = kind(reasons.MEDIA_TYPE_UNSUPPORTED, "not taken", metadata={"found": "PDF"}, http_status=415)
    back = decode_refusal(encode_refusal(refusal))
    assert type(back) is kind
    assert (back.reason, back.message, back.metadata, back.http_status) == (
        reasons.MEDIA_TYPE_UNSUPPORTED,
        "not taken",
        {"found": "PDF"},
        415,
    )


def test_a_refusal_with_long_and_broken_texts_still_travels() -> None:
    long = "\0\ud800" * 10_000
    refusal = InvalidArgument(reasons.MEDIA_UNREADABLE, long, metadata={str(number): long for number in range(8)})
    text = encode_refusal(refusal)
    assert len(text) <= MAX_REFUSAL_BYTES
    assert decode_refusal(text).reason == reasons.MEDIA_UNREADABLE


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "Unauthenticated"},
        {"reason": "TOKEN_INVALID"},
        {"reason": "NOT_A_REASON"},
        {"http_status": 200},
        {"metadata": {str(number): "" for number in range(9)}},
        {"metadata": {"found": 7}},
        {"message": None},
        {"message": "x" * 1001},
        {"metadata": {"x" * 1001: ""}},
        {"metadata": {"found": "x" * 1001}},
        {"headers": {}},
    ],
)
def test_a_refusal_that_no_job_may_give_is_misbehaviour(change: dict[str, object]) -> None:
    sound = {"kind": "InvalidArgument", "reason": "MEDIA_EMPTY", "message": "", "metadata": {}, "http_status": None}
    assert decode_refusal(encode(sound)[0]).reason == reasons.MEDIA_EMPTY
    with pytest.raises(Misbehaviour):
        decode_refusal(encode({**sound, **change})[0])
