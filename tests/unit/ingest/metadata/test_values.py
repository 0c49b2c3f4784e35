from __future__ import annotations

import pytest

from services.ingest.metadata.values import CaptureTime, capture_time, clean_text, degrees, iso_6709


@pytest.mark.parametrize(
    ("text", "offset", "fraction", "expected"),
    [
        ("2021:03:04 05:06:07", None, None, CaptureTime("2021-03-04T05:06:07", None)),
        (
            "2021:03:04 05:06:07",
            "+02:00",
            "25",
            CaptureTime("2021-03-04T05:06:07.25+02:00", 1_614_827_167_250_000_000),
        ),
        (
            "2021:03:04 23:59:59",
            "-03:30",
            None,
            CaptureTime("2021-03-04T23:59:59-03:30", 1_614_914_999_000_000_000),
        ),
        ("1969-12-31T23:59:59.5Z", None, None, CaptureTime("1969-12-31T23:59:59.5+00:00", -500_000_000)),
        (
            "2021-03-04T05:06:07+0200",
            None,
            None,
            CaptureTime("2021-03-04T05:06:07+02:00", 1_614_827_167_000_000_000),
        ),
    ],
)
def test_an_instant_is_known_where_the_offset_is(
    text: str, offset: str | None, fraction: str | None, expected: CaptureTime
) -> None:
    assert capture_time(text, offset, fraction) == expected


@pytest.mark.parametrize("text", ["0000:00:00 00:00:00", "    :  :     :  :  ", ""])
def test_a_clock_that_was_never_set_says_nothing(text: str) -> None:
    assert capture_time(text, "+02:00", None) is None


@pytest.mark.parametrize(
    ("text", "offset"), [("2021:13:40 00:00:00", None), ("yesterday", None), ("2021:03:04 05:06:07", "2h")]
)
def test_a_time_that_makes_no_sense_is_an_error(text: str, offset: str | None) -> None:
    with pytest.raises(ValueError, match=r"."):
        capture_time(text, offset, None)


def test_the_hemisphere_gives_the_sign() -> None:
    assert degrees((33.0, 30.0, 36.0), "S", "N", "S", 90) == pytest.approx(-33.51)
    assert degrees((33.0, 30.6), "N", "N", "S", 90) == pytest.approx(33.51)


@pytest.mark.parametrize(
    ("parts", "reference"),
    [((91.0, 0.0, 0.0), "N"), ((float("nan"), 0.0, 0.0), "N"), ((1.0,), None), ((1.0,), "X"), ((-1.0, 0.0, 0.0), "N")],
)
def test_a_place_that_is_none_is_an_error(parts: tuple[float, ...], reference: str | None) -> None:
    with pytest.raises(ValueError, match=r"."):
        degrees(parts, reference, "N", "S", 90)


def test_positions_of_videos_carry_their_signs() -> None:
    assert iso_6709("-33.8688+151.2093+058.000/") == (-33.8688, 151.2093, 58.0)
    assert iso_6709("+40.7128-074.0060/") == (40.7128, -74.006, None)


@pytest.mark.parametrize("text", ["", "somewhere", "+91.0+000.0/"])
def test_a_position_that_is_none_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        iso_6709(text)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("Canon\0\0junk", "Canon"),
        ("NIKON  ", "NIKON"),
        (b"Z\xc3\xbcrich", "Zürich"),
        ("Z\xfcrich", "Zürich"),
        (" \0", None),
    ],
)
def test_text_ends_at_its_first_nul_without_padding(value: object, text: str | None) -> None:
    assert clean_text(value) == text
