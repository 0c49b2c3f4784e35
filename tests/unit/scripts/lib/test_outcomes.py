from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.lib.outcomes import FILE, Outcomes, flaky_report, passed_only_again

_TESTS = """
import pytest
from pathlib import Path

@pytest.fixture
def broken_end():
    yield
    raise ValueError

def test_passes(): pass
def test_fails(): assert False
def test_fails_at_its_end(broken_end): pass
def test_is_left_out(): pytest.skip("needs a moon: not risen")
def test_passes_again():
    mark = Path(__file__).with_name("mark")
    seen = mark.exists()
    mark.touch()
    assert seen
"""


def run(folder: Path, *options: str) -> tuple[Outcomes, list[str]]:
    """Runs the tests of a folder; returns what became of them and what was printed."""
    file = folder / "outcomes.json"
    command = [sys.executable, "-m", "pytest", "-p", "xdist.plugin", "-p", "scripts.lib.outcomes", "-c", "/dev/null"]
    command += ["--rootdir", folder, "-o", f"cache_dir={folder / 'cache'}", *options, str(folder)]
    # Importing every plugin that is installed takes longer than these tests.
    env = {**os.environ, FILE: str(file), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    ran = subprocess.run(command, env=env, cwd=Path.cwd(), capture_output=True, text=True, check=False)
    return Outcomes.read(file), ran.stdout.rstrip().splitlines()


@pytest.mark.parametrize("workers", ["0", "2"])
def test_a_test_that_passes_only_at_the_second_run_is_found(tmp_path: Path, workers: str) -> None:
    (tmp_path / "test_it.py").write_text(_TESTS)
    first, lines = run(tmp_path, "-n", workers)
    failed = ("test_it.py::test_fails", "test_it.py::test_fails_at_its_end", "test_it.py::test_passes_again")
    assert first == Outcomes(passed=1, skipped=1, failed=failed)
    assert "2 failed, 2 passed, 1 skipped, 1 error" in lines[-1]

    second, _ = run(tmp_path, "--last-failed", "--last-failed-no-failures=none")
    assert passed_only_again(first, second) == ["test_it.py::test_passes_again"]
    assert first.after(second) == Outcomes(passed=2, skipped=1, failed=failed[:2])


def test_what_may_not_be_left_out_is_said_though_the_second_run_does_not_meet_it(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(_TESTS)
    strict = ("-p", "tests.servers.report", "--require-all")
    first, _ = run(tmp_path, *strict)
    assert first.not_allowed == ("needs a moon: not risen",)
    assert run(tmp_path, *strict, "--except", "a moon")[0].not_allowed == ()

    second, _ = run(tmp_path, *strict, "--last-failed", "--last-failed-no-failures=none")
    assert second.not_allowed == ()
    assert first.after(second).not_allowed == first.not_allowed


def test_the_list_counts_by_file() -> None:
    assert flaky_report([]) == "passed only at the second run: 0"
    assert flaky_report(["a.py::test_x", "a.py::test_y[1]", "b.py::test_z"]) == (
        "passed only at the second run: 3\n  a.py (2)\n    test_x\n    test_y[1]\n  b.py (1)\n    test_z"
    )


def test_a_run_that_ended_early_left_nothing(tmp_path: Path) -> None:
    assert Outcomes.read(tmp_path / "none") == Outcomes()
