from __future__ import annotations

import pytest

from services.query.series.asked import window_ns


@pytest.mark.parametrize(("text", "expected"), [("500ms", 500_000_000), ("9999d", 9999 * 86_400 * 10**9)])
def test_a_window_is_a_number_and_a_unit(text, expected):
    assert window_ns(text) == expected
