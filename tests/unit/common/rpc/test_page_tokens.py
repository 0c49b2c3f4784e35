from __future__ import annotations

import base64
from typing import Any

import pytest
from dropmesh.v1 import query_service_pb2

from services.common.base.errors import InvalidArgument
from services.common.rpc.page_tokens import page_size, page_start, page_token

POSITION = ("ann", 2**62, None, b"\x00\xff", "id")


def listing(token: str = "", **fields: Any) -> query_service_pb2.ListMediaRequest:
    return query_service_pb2.ListMediaRequest(page_token=token, **fields)


def test_a_token_says_where_the_next_page_starts():
    token = page_token(listing(page_size=5), "ann", POSITION)
    assert page_start(listing(token, page_size=7), "ann") == POSITION


def test_the_first_page_has_no_start():
    assert page_start(listing(), "ann") is None
    assert page_size(0) == 50
    assert page_size(7) == 7


def test_a_page_size_above_the_most_is_cut():
    assert page_size(1000) == page_size(1001) == page_size(2**31 - 1) == 1000


@pytest.mark.parametrize(
    "token",
    ["x", "%%%", base64.urlsafe_b64encode(b"\x05\x00\x00\x00\x00").decode(), "AAAA" * 100],
)
def test_what_no_list_gave_is_refused(token):
    with pytest.raises(InvalidArgument, match="page_token"):
        page_start(listing(token), "ann")


def test_a_token_holds_plain_values():
    with pytest.raises(InvalidArgument, match="page_token"):
        page_start(listing(page_token(listing(), "ann", ("ann", {"$gt": ""}, "id"))), "ann")  # type: ignore[arg-type]


def test_a_token_is_for_one_list_of_one_owner():
    token = page_token(listing(state=1), "ann", POSITION)
    for request, owner in ((listing(token), "ann"), (listing(token, state=2), "ann"), (listing(token, state=1), "bob")):
        with pytest.raises(InvalidArgument):
            page_start(request, owner)
