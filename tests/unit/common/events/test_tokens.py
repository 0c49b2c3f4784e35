from __future__ import annotations

import pytest
from dropmesh.v1 import error_reason_pb2 as reasons

from services.common.base.errors import InvalidArgument
from services.common.drops.receipt import Receipt, ReceiptState
from services.common.events.log import Cursor
from services.common.events.model import Event, EventKind
from services.common.events.tokens import event_token, parse_event_token

RECEIPT = Receipt("some", "ann", "ann", ReceiptState.PROCESSED, b"", 0, 0)


def test_a_token_holds_where_to_go_on() -> None:
    cursor = Cursor(2**62, 2**62 + 1, "id")
    assert parse_event_token(event_token(cursor, None)) == (cursor, {})
    event = Event(EventKind.RECEIPT, RECEIPT, "processed", 2**62 + 2)
    assert parse_event_token(event_token(cursor, event)) == (cursor, {"some": 2**62 + 2})


@pytest.mark.parametrize("token", ["x", "!!", "nonsense", "KwAAABJz", event_token(Cursor.at(1), None)[:-9]])
def test_any_other_text_is_refused(token: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        parse_event_token(token)
    assert refused.value.reason == reasons.EVENT_TOKEN_INVALID
