"""The command behind scripts/test: every test, what was left out and why, and the time."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import pytest

from scripts.lib.outcomes import FILE, Outcomes, flaky_report, passed_only_again
from tests.servers.private import private_servers

ROOT = Path(__file__).resolve().parents[2]
COVERAGE = ROOT / ".coverage"
LEAST_COVERED = 12
SLOWEST = 15


def main() -> int:
    """Runs pytest, with --coverage under coverage; its floor counts when the whole suite ran."""
    parser = argparse.ArgumentParser(
        prog="scripts/test",
        description=__doc__,
        epilog="Any other argument goes to pytest; the tests then run one after the other, and the floor waits.",
    )
    parser.add_argument("--require-all", action="store_true", help="leaving out a test fails the run")
    parser.add_argument("--except", action="append", default=[], dest="excepted", metavar="NAME", help="save for NAME")
    parser.add_argument(
        "--coverage", action="store_true", help="report the coverage of the services, which takes longer"
    )
    parser.add_argument("--again", action="store_true", help="run what failed once more; what passes then is listed")
    parser.add_argument("--workers", type=int, default=_workers(), help="processes for the whole suite (%(default)s)")
    arguments, chosen = parser.parse_known_args()
    options = ["--require-all"] if arguments.require_all else []
    options += [f"--except={name}" for name in arguments.excepted]

    if arguments.coverage:
        shutil.rmtree(COVERAGE, ignore_errors=True)
        COVERAGE.mkdir()
    run_tests = partial(_run_tests, covered=arguments.coverage)
    began = time.monotonic()
    if chosen:
        status, outcomes = run_tests([*options, *chosen], {})
    else:
        # One of each server for all workers, but of the slowest: the scans of one would keep the others waiting.
        with private_servers(without=("mongodb",)) as (addresses, _):
            parallel = ["-n", str(arguments.workers), "--dist", "worksteal", "-p", "scripts.lib.spreading"]
            parallel.append(f"--durations={SLOWEST}")
            status, outcomes = run_tests([*options, *parallel], addresses)
    flaky: list[str] = []
    # A file that cannot be collected is no flake.
    ran = bool(outcomes.failed) and all("::" in test for test in outcomes.failed)
    if arguments.again and status == pytest.ExitCode.TESTS_FAILED and ran:
        first = outcomes
        last_failed = ["--last-failed", "--last-failed-no-failures=none"]
        status, second = run_tests([*options, *chosen, *last_failed], {})
        outcomes, flaky = first.after(second), passed_only_again(first, second)
    tests_seconds = time.monotonic() - began
    is_covered = not arguments.coverage or _report_coverage(whole=not chosen)
    if arguments.again:
        print(f"\n{flaky_report(flaky)}")
    print(f"\ntime: {_minutes(tests_seconds)} for the tests, {_minutes(time.monotonic() - began)} in all")
    print(f"suite: {outcomes.passed} passed, {len(outcomes.failed)} failed, {outcomes.skipped} skipped", flush=True)
    for reason in outcomes.not_allowed:
        print(f"failed: a test was left out, which --require-all forbids: {reason}", flush=True)
    return status or (0 if is_covered and not outcomes.not_allowed else 1)


def _workers() -> int:
    return max(2, min(4, os.cpu_count() or 1))


def _run_tests(arguments: list[str], environment: Mapping[str, str], *, covered: bool) -> tuple[int, Outcomes]:
    """Runs pytest and returns its exit status and what became of the tests."""
    command = ["pytest", "-p", "scripts.lib.outcomes", *arguments]
    if covered:
        command = ["coverage", "run", "-m", *command]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "outcomes.json"
        status = _python(*command, environment={**environment, FILE: str(file)}).returncode
        return status, Outcomes.read(file)


def _minutes(seconds: float) -> str:
    return f"{int(seconds) // 60} min {int(seconds) % 60} s"


def _report_coverage(*, whole: bool) -> bool:
    if _python("coverage", "combine", "--quiet").returncode != 0:
        return not whole
    report = _python("coverage", "report", "--sort=cover", *([] if whole else ["--fail-under=0"]), capture=True)
    head, files, total = _parts(report.stdout.splitlines())
    print(
        f"\ncoverage of services, the {min(len(files), LEAST_COVERED)} least covered of {len(files)} incomplete files:"
    )
    print("\n".join([*head, *files[:LEAST_COVERED], *total]), flush=True)
    return report.returncode == 0


def _parts(lines: list[str]) -> tuple[list[str], list[str], list[str]]:
    """The report's heading, its files, and what follows them."""
    files = [line for line in lines if line.startswith("services")]
    rest = [line for line in lines if line and not line.startswith("services") and not line.startswith("-")]
    return rest[:1], files, rest[1:]


def _python(
    module: str, *arguments: str, environment: Mapping[str, str] | None = None, capture: bool = False
) -> subprocess.CompletedProcess[str]:
    variables = {**os.environ, "PYTHONUNBUFFERED": "1", **(environment or {})}
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.run(
        command, cwd=ROOT, env=variables, text=True, check=False, stdout=subprocess.PIPE if capture else None
    )


if __name__ == "__main__":
    sys.exit(main())
