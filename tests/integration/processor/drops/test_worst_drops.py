from __future__ import annotations

import pytest

from scripts.measuring.benchmarks.worst_drops import DROPS, MOST_MEGABYTES, read_apart


@pytest.fixture(autouse=True)
def _without_a_tracer(monkeypatch: pytest.MonkeyPatch) -> None:
    """The memory and the time are those of the reading alone."""
    monkeypatch.delenv("COVERAGE_PROCESS_CONFIG", raising=False)


@pytest.mark.parametrize("name", DROPS)
def test_no_drop_takes_more_memory_than_is_set_aside_for_it(name: str) -> None:
    assert read_apart(name).memory_megabytes < MOST_MEGABYTES
