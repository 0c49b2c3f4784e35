"""A run says which tests it left out, and with --require-all that is a failure."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

_TESTS = """
import pytest

def test_done():
    pass

def test_left_out():
    pytest.skip("needs a moon: not risen")
"""


@pytest.mark.parametrize(
    ("options", "status"),
    [
        ((), 0),
        (("--require-all",), 1),
        (("--require-all", "--except=a moon"), 0),
        (("--require-all", "--except=sun"), 1),
    ],
)
def test_leaving_out(tmp_path: Path, options: tuple[str, ...], status: int) -> None:
    (tmp_path / "test_both.py").write_text(_TESTS)
    command = [sys.executable, "-m", "pytest", "-p", "tests.servers.report", "-c", "/dev/null", *options, str(tmp_path)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == status, run.stdout
    assert "1 left out: needs a moon: not risen\n    in test_both.py" in run.stdout
    assert run.stdout.rstrip().splitlines()[-1].startswith("=")
    assert "1 passed, 1 skipped" in run.stdout.rstrip().splitlines()[-1]
