"""A short run of `scripts/fuzz media`."""

from __future__ import annotations

import pytest

from tests.support.fuzz_uploads import fuzz_uploads


@pytest.mark.timeout(300)
def test_mutated_uploads_are_taken_or_refused_and_nothing_else() -> None:
    report = fuzz_uploads(count=200, seed=1)
    assert report.faults == []
    assert report.statuses.total() == 200
    assert {201, 400, 415} <= set(report.statuses)
