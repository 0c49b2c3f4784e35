from __future__ import annotations

import pytest

from services.common.rest.ranges import ByteRange, Unsatisfiable, asked_range, is_unchanged

ETAG = '"abc"'


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("bytes=0-9", ByteRange(0, 10)),
        ("bytes=5-", ByteRange(5, 100)),
        ("bytes=-10", ByteRange(90, 100)),
        ("bytes=-1000", ByteRange(0, 100)),
        ("bytes=90-1000", ByteRange(90, 100)),
        ("BYTES = 0 - 0 ", ByteRange(0, 1)),
        ("bytes=0-1,5-6", None),
        ("bytes=9-5", None),
        ("bytes=-", None),
        ("lines=1-2", None),
        ("bytes=a-b", None),
        (f"bytes=0-{'9' * 5000}", None),
        (None, None),
    ],
)
def test_one_readable_range_is_taken_and_everything_else_is_the_whole(
    header: str | None, expected: ByteRange | None
) -> None:
    assert asked_range(header, None, ETAG, 100) == expected


@pytest.mark.parametrize("header", ["bytes=100-", "bytes=100-200", "bytes=-0"])
def test_a_range_outside_is_refused(header: str) -> None:
    with pytest.raises(Unsatisfiable):
        asked_range(header, None, ETAG, 100)


@pytest.mark.parametrize(
    ("if_range", "expected"),
    [(ETAG, ByteRange(0, 10)), ('"old"', None), (f"W/{ETAG}", None), ("Sat, 21 Nov 2026 04:07:43 GMT", None)],
)
def test_a_range_of_other_bytes_is_the_whole(if_range: str, expected: ByteRange | None) -> None:
    assert asked_range("bytes=0-9", if_range, ETAG, 100) == expected


@pytest.mark.parametrize(
    ("header", "unchanged"),
    [(ETAG, True), (f'"x", W/{ETAG}', True), ("*", True), ('"x"', False), ("abc", False), (None, False)],
)
def test_what_the_caller_has_is_not_sent(header: str | None, unchanged: bool) -> None:
    assert is_unchanged(header, ETAG) is unchanged


def test_a_part_tells_where_it_belongs() -> None:
    assert ByteRange(0, 10).header(100) == "bytes 0-9/100"
