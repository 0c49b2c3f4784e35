"""A short run of `scripts/fuzz all`."""

from __future__ import annotations

import pytest

from tests.support.bombs import BOMBS
from tests.support.fuzz_all import Amounts, fuzz_all


@pytest.mark.timeout(600)
def test_damaged_input_and_bombs_are_taken_or_refused_and_leave_nothing() -> None:
    report = fuzz_all(Amounts(drops=200, media=40, parts=100_000, uploads=4, upload_mib=10))
    assert report.faults == []
    assert set(BOMBS) <= set(report.bombs)
    assert report.statuses["bombs"].total() == len(BOMBS)
    assert report.statuses["drops"].total() == 200
