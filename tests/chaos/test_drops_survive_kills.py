"""kill -9 of ingest and processor while drops come in: scripts/load kills does it more often."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from scripts.measuring.loading.drop_processes import drop_processes
from scripts.measuring.loading.killing import drop_while_killing


@pytest.mark.timeout(900)
async def test_no_acknowledged_drop_is_lost_or_counted_twice_and_the_newest_wins() -> None:
    with tempfile.TemporaryDirectory(prefix="dropmesh-") as folder, drop_processes(Path(folder), {}) as processes:
        verdict = await drop_while_killing(processes, kills=4, callers=8, seed=4)
    assert verdict.faults == []
    assert verdict.acknowledged > 50
