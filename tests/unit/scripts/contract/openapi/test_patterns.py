from __future__ import annotations

import re
from datetime import date

import pytest

from scripts.contract.openapi.patterns import INSTANT, duration_pattern, integers_pattern


@pytest.mark.parametrize(("least", "most"), [(0, 0), (0, 9), (0, 10), (1, 1), (7, 123), (99, 100), (1, 31622400)])
def test_only_the_integers_within_the_limits_match(least: int, most: int) -> None:
    pattern = re.compile(integers_pattern(least, most))
    for number in {*range(1200), most - 1, most, most + 1, most // 2, most * 10, 31000000, 31622399}:
        assert (pattern.fullmatch(str(number)) is not None) == (least <= number <= most), number
    assert pattern.fullmatch("00") is None


@pytest.mark.parametrize(
    ("is_within", "texts"),
    [
        (True, ["1s", "1.000000001s", "9.5s", "10s", "10.0s"]),
        (False, ["0s", "0.9s", "10.1s", "11s", "-1s", "1.s", "1.0000000001s", "2"]),
    ],
)
def test_a_duration_is_within_its_limits(is_within: bool, texts: list[str]) -> None:
    for text in texts:
        assert (re.match(duration_pattern(1, 10), text) is not None) == is_within, text


def test_only_days_that_exist_are_instants() -> None:
    pattern = re.compile(INSTANT)

    def exists(year: int, month: int, day: int) -> bool:
        try:
            date(year, month, day)
        except ValueError:
            return False
        return 1970 <= year < 2300

    for year in (1969, 1970, 1972, 1999, 2000, 2023, 2024, 2100, 2200, 2299, 2300):
        for month in range(14):
            for day in range(33):
                text = f"{year}-{month:02}-{day:02}T23:59:59.5+02:00"
                assert (pattern.match(text) is not None) == exists(year, month, day), text
