"""The command behind scripts/test: every test, what was left out and why, and the coverage of the services."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LEAST_COVERED = 12


def main() -> int:
    """Runs pytest under coverage; the floor counts when the whole suite ran."""
    parser = argparse.ArgumentParser(
        prog="scripts/test", description=__doc__, epilog="Any other argument goes to pytest, and the floor then waits."
    )
    parser.add_argument("--require-all", action="store_true", help="leaving out a test fails the run")
    parser.add_argument("--except", action="append", default=[], dest="excepted", metavar="NAME", help="save for NAME")
    arguments, chosen = parser.parse_known_args()
    options = ["--require-all"] if arguments.require_all else []
    options += [f"--except={name}" for name in arguments.excepted]

    shutil.rmtree(ROOT / ".coverage", ignore_errors=True)
    (ROOT / ".coverage").mkdir()
    status = _python("coverage", "run", "-m", "pytest", *options, *chosen).returncode
    covered = _report_coverage(whole=not chosen)
    return status or (0 if covered else 1)


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


def _python(module: str, *arguments: str, capture: bool = False) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.run(
        command, cwd=ROOT, env=environment, text=True, check=False, stdout=subprocess.PIPE if capture else None
    )


if __name__ == "__main__":
    sys.exit(main())
