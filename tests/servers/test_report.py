"""A run says which tests it left out, and with --require-all that is a failure."""

from __future__ import annotations

import os
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


@pytest.mark.parametrize("workers", ["0", "2"])
@pytest.mark.parametrize(
    ("options", "status"),
    [
        ((), 0),
        (("--require-all",), 1),
        (("--require-all", "--except=a moon"), 0),
        (("--require-all", "--except=sun"), 1),
    ],
)
def test_leaving_out(tmp_path: Path, options: tuple[str, ...], status: int, workers: str) -> None:
    (tmp_path / "test_both.py").write_text(_TESTS)
    run = run_pytest(tmp_path, "-n", workers, *options)
    assert run.returncode == status, run.stdout
    assert "1 left out: needs a moon: not risen\n    in test_both.py" in run.stdout
    assert run.stdout.rstrip().splitlines()[-1].startswith("=")
    assert "1 passed, 1 skipped" in run.stdout.rstrip().splitlines()[-1]


_USES_A_SERVER = """
import pytest
from tests.servers.report import REPORT

@pytest.mark.parametrize("name", ["s3", "mongodb"])
def test_it(name, request):
    request.config.stash[REPORT].used[name] = "started for these tests"
"""


@pytest.mark.parametrize("workers", ["0", "2"])
def test_the_servers_that_any_worker_used_are_named(tmp_path: Path, workers: str) -> None:
    (tmp_path / "test_it.py").write_text(_USES_A_SERVER)
    run = run_pytest(tmp_path, "-n", workers)
    assert "mongodb: started for these tests\ns3: started for these tests\n" in run.stdout


def run_pytest(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Runs the tests of a folder with the report and without the settings of this checkout."""
    # Importing every plugin that is installed takes longer than these tests.
    env = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    command = [sys.executable, "-m", "pytest", "-p", "xdist.plugin", "-p", "tests.servers.report", "-c", "/dev/null"]
    return subprocess.run([*command, *options, str(folder)], env=env, capture_output=True, text=True, check=False)
