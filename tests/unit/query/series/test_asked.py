from __future__ import annotations

import pytest

from services.common.base.errors import InvalidArgument
from services.query.series.asked import window_ns


@pytest.mark.parametrize(("text", "expected"), [("500ms", 500_000_000), ("36500d", 36_500 * 86_400 * 10**9)])
def test_a_window_is_a_number_and_a_unit(text, expected):
    assert window_ns(text) == expected


def test_a_window_that_no_instant_can_hold_is_refused():
    with pytest.raises(InvalidArgument, match="window: must be at least 1ms and at most 36500d"):
        window_ns("84940497d")
