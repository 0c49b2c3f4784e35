from __future__ import annotations

from datetime import timedelta

import pytest

from services.common.base.instants import to_ns


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
