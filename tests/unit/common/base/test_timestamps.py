from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.common.base.timestamps import TimestampRefused, format_timestamp, parse_timestamp
from tests.support.drop_strategies import FIRST_NS, LAST_NS, write_instant

TEN_O_CLOCK_NS = 1_556_704_800_000_000_000


@pytest.mark.parametrize(
    "text",
    [
        "2019-05-01T10:00:00Z",
        "2019-05-01T06:00:00-04:00",
        "2019-05-01T15:30:00+05:30",
        "2019-05-02T09:59:00+23:59",
        "2019-05-01t10:00:00z",
        "2019-05-01 10:00:00Z",
        "2019-05-01T10:00:00-00:00",
        "2019-05-01T10:00:00.000000000Z",
    ],
)
def test_one_instant_has_many_spellings(text: str) -> None:
    assert parse_timestamp(text) == TEN_O_CLOCK_NS


@pytest.mark.parametrize(
    ("fraction", "nanoseconds"),
    [("5", 500_000_000), ("05", 50_000_000), ("123456", 123_456_000), ("123456789", 123_456_789), ("000000001", 1)],
)
def test_a_fraction_is_kept_to_the_nanosecond(fraction: str, nanoseconds: int) -> None:
    assert parse_timestamp(f"2019-05-01T06:00:00.{fraction}-04:00") == TEN_O_CLOCK_NS + nanoseconds


@pytest.mark.parametrize(
    ("text", "time_ns"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1969-12-31T19:00:00-05:00", 0),
        ("2261-12-31T23:59:59.999999999Z", LAST_NS),
        ("2262-01-01T00:59:59.999999999+01:00", LAST_NS),
        ("2000-02-29T00:00:00Z", 951_782_400 * 10**9),
    ],
)
def test_the_range_is_that_of_the_instant_in_utc(text: str, time_ns: int) -> None:
    assert parse_timestamp(text) == time_ns


@pytest.mark.parametrize(
    ("text", "reasons"),
    [
        ("2019-05-01T06:00:00", ["TIMESTAMP_WITHOUT_OFFSET"]),
        ("2019-02-29T06:00:00Z", ["TIMESTAMP_IMPOSSIBLE"]),
        ("2019-05-01T24:00:00Z", ["TIMESTAMP_IMPOSSIBLE"]),
        ("2019-05-01T06:00:00+24:00", ["OFFSET_IMPOSSIBLE"]),
        ("2016-12-31T23:59:60Z", ["LEAP_SECOND"]),
        ("2019-05-01T06:00:00.0123456789Z", ["TIMESTAMP_TOO_PRECISE"]),
        ("1970-01-01T00:00:00+00:01", ["TIMESTAMP_OUT_OF_RANGE"]),
        ("0000-02-29T00:00:00Z", ["TIMESTAMP_OUT_OF_RANGE"]),
        ("0001-01-01T00:00:00+10:00", ["TIMESTAMP_OUT_OF_RANGE"]),
        ("2262-01-01T00:00:00Z", ["TIMESTAMP_OUT_OF_RANGE"]),
        ("2019-05-01T06:00Z", ["TIMESTAMP_MALFORMED"]),
        ("2019-05-01", ["TIMESTAMP_MALFORMED"]),
        ("2019-05-01T06:00:00Z ", ["TIMESTAMP_MALFORMED"]),
        ("2019-02-30T06:00:60", ["TIMESTAMP_IMPOSSIBLE", "LEAP_SECOND", "TIMESTAMP_WITHOUT_OFFSET"]),
    ],
)
def test_a_refusal_gives_every_reason(text: str, reasons: list[str]) -> None:
    with pytest.raises(TimestampRefused) as refused:
        parse_timestamp(text)
    assert [reason.value for reason, _ in refused.value.refusals] == reasons


@pytest.mark.parametrize(("offset", "hint"), [("-0400", "-04:00"), ("+05", "+05:00"), ("+0530", "+05:30")])
def test_an_offset_without_a_colon_is_refused_with_its_right_spelling(offset: str, hint: str) -> None:
    with pytest.raises(TimestampRefused, match=f"write the offset as \\{hint}"):
        parse_timestamp(f"2019-05-01T06:00:00{offset}")


def test_a_message_stays_short_and_printable() -> None:
    with pytest.raises(TimestampRefused) as refused:
        parse_timestamp("\ud800\x00" * 1_000_000)
    ((_, message),) = refused.value.refusals
    assert len(message) < 700
    assert message.isascii()


@pytest.mark.parametrize(
    ("time_ns", "text"),
    [
        (TEN_O_CLOCK_NS, "2019-05-01T10:00:00Z"),
        (TEN_O_CLOCK_NS + 250_000_000, "2019-05-01T10:00:00.250Z"),
        (TEN_O_CLOCK_NS + 1_000, "2019-05-01T10:00:00.000001Z"),
        (TEN_O_CLOCK_NS + 1, "2019-05-01T10:00:00.000000001Z"),
        (0, "1970-01-01T00:00:00Z"),
        (LAST_NS, "2261-12-31T23:59:59.999999999Z"),
    ],
)
def test_an_instant_has_one_canonical_text(time_ns: int, text: str) -> None:
    assert format_timestamp(time_ns) == text


@given(st.integers(FIRST_NS, LAST_NS))
def test_the_canonical_text_names_the_same_instant(time_ns: int) -> None:
    assert parse_timestamp(format_timestamp(time_ns)) == time_ns


@given(
    st.integers(FIRST_NS, LAST_NS),
    st.integers(-1439, 1439),
    st.integers(0, 9),
    st.sampled_from(["T", "t", " ", "TZ", "tz"]),
)
def test_every_spelling_names_the_same_instant(time_ns: int, offset_minutes: int, digits: int, style: str) -> None:
    assert parse_timestamp(write_instant(time_ns, offset_minutes, digits, style)) == time_ns


@given(st.from_regex(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?[+-][0-9]{2}:[0-9]{2}"))
@example("2019-05-01T06:00:00-04:00\n")
@example("9999-99-99T99:99:99.999999999-99:99")
def test_a_text_is_an_instant_in_range_or_refused_with_a_reason(text: str) -> None:
    try:
        time_ns = parse_timestamp(text)
    except TimestampRefused as refused:
        found = len(refused.refusals)
    else:
        found = int(FIRST_NS <= time_ns <= LAST_NS)
    assert found > 0
