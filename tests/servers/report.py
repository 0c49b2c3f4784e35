"""Says at the end of a test run which real servers it used and which tests it left out, and why."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import pytest


@dataclass
class Report:
    """What a run used, and what it left out: a reason and the tests that gave it."""

    used: dict[str, str] = field(default_factory=dict)
    left_out: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))


REPORT = pytest.StashKey[Report]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds --require-all and --except."""
    group = parser.getgroup("dropmesh")
    group.addoption("--require-all", action="store_true", help="leaving out a test fails the run")
    group.addoption(
        "--except",
        action="append",
        default=[],
        dest="excepted",
        metavar="NAME",
        help="with --require-all: tests that need NAME may be left out (repeatable)",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Begins the report."""
    report = Report()
    config.stash[REPORT] = report
    config.pluginmanager.register(_Listener(report))


class _Listener:
    def __init__(self, report: Report) -> None:
        self._report = report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if not hasattr(report, "wasxfail"):
            self._note(report)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        self._note(report)

    def _note(self, report: pytest.TestReport | pytest.CollectReport) -> None:
        if report.skipped and isinstance(report.longrepr, tuple):
            self._report.left_out[report.longrepr[2].removeprefix("Skipped: ")].append(report.nodeid)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Fails a run that left tests out when all were required; a worker of pytest-xdist hands on what it used."""
    workeroutput: dict[str, object] | None = getattr(session.config, "workeroutput", None)
    if workeroutput is not None:
        workeroutput["used"] = session.config.stash[REPORT].used
    elif exitstatus == pytest.ExitCode.OK and not_allowed(session.config):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Adds what a worker of pytest-xdist used; one that crashed hands on nothing."""
    node.config.stash[REPORT].used.update(getattr(node, "workeroutput", {}).get("used", {}))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Prints the report before pytest's closing line."""
    report = config.stash[REPORT]
    write = terminalreporter.write_line
    terminalreporter.section("real servers and judges")
    for name, how in sorted(report.used.items()):
        write(f"{name}: {how}")
    if not report.used:
        write("none used")
    terminalreporter.section("left out")
    for reason, tests in sorted(report.left_out.items()):
        write(f"{len(tests)} left out: {reason}")
        files = sorted({test.partition("::")[0] for test in tests})
        write(f"    in {', '.join(files)}")
    if not report.left_out:
        write("nothing")
    if not_allowed(config):
        write("--require-all: leaving these out is a failure", red=True)


def not_allowed(config: pytest.Config) -> list[str]:
    """Returns the reasons for which tests were left out although --require-all forbids it."""
    if not config.getoption("--require-all", default=False):
        return []
    return [reason for reason in config.stash[REPORT].left_out if _needed(reason) not in config.getoption("excepted")]


def _needed(reason: str) -> str:
    match = re.match(r"needs ([^:]+):", reason)
    return match[1] if match else ""
