from __future__ import annotations

from datetime import timedelta

import pytest

from services.common.base.instants import SECOND_NS, AgeClock, lease_lasts, to_ns


@pytest.mark.parametrize(
    ("length", "nanoseconds"),
    [
        (timedelta(), 0),
        (timedelta(microseconds=1), 1000),
        (timedelta(days=300_000, microseconds=1), 25_920_000_000_000_001_000),
        (timedelta(seconds=-1), -1_000_000_000),
    ],
)
def test_a_length_of_time_has_whole_nanoseconds(length: timedelta, nanoseconds: int) -> None:
    assert to_ns(length) == nanoseconds


def test_a_clock_that_is_set_forward_makes_nothing_older_and_one_set_back_is_followed() -> None:
    wall, elapsed = 1_000_000, 50
    clock = AgeClock(lambda: wall, lambda: elapsed)
    wall, elapsed = wall + 7, elapsed + 7
    assert clock() == 1_000_007
    wall += 3600
    assert clock() == 1_000_007
    wall -= 7200
    assert clock() == wall
    wall, elapsed = wall + 5, elapsed + 5
    assert clock() == wall


@pytest.mark.parametrize(
    ("end_seconds", "lasts"), [(-3600, False), (0, False), (1, True), (60, True), (61, False), (3630, False)]
)
def test_a_lease_lasts_until_its_end_but_not_one_from_before_the_clock_was_set_back(
    end_seconds: int, lasts: bool
) -> None:
    now_ns = 1_700_000_000 * SECOND_NS
    assert lease_lasts(now_ns + end_seconds * SECOND_NS, now_ns, timedelta(minutes=1)) is lasts
