"""A plugin of pytest that writes each test's outcome to a file for the command that started the run."""

from __future__ import annotations

import json
import os
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path

import pytest

FILE = "DROPMESH_TEST_OUTCOMES"


@dataclass(frozen=True)
class Outcomes:
    """The tests of a run: how many passed and were left out, which failed, and the forbidden reasons of leaving out."""

    passed: int = 0
    skipped: int = 0
    failed: tuple[str, ...] = ()
    not_allowed: tuple[str, ...] = ()

    @classmethod
    def read(cls, file: Path) -> Outcomes:
        """Reads what a run left; a run that ended before its tests left nothing."""
        if not file.exists():
            return cls()
        kept = json.loads(file.read_text())
        return cls(kept["passed"], kept["skipped"], tuple(kept["failed"]), tuple(kept["not_allowed"]))

    def after(self, second: Outcomes) -> Outcomes:
        """The whole, once the tests that failed were run again."""
        passed, skipped = self.passed + second.passed, self.skipped + second.skipped
        return Outcomes(passed, skipped, second.failed, self.not_allowed + second.not_allowed)


def passed_only_again(first: Outcomes, second: Outcomes) -> list[str]:
    """Returns the tests that failed in the first run and did not in the second."""
    return sorted(set(first.failed) - set(second.failed))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Writes the file; with several workers, only the process that has the terminal does."""
    # pytest complains of a plugin of the tests that is imported before it.
    from tests.servers.report import not_allowed

    words: dict[str, set[str]] = {}
    for word in ("passed", "skipped", "failed", "error"):
        reports = terminalreporter.stats.get(word, [])
        words[word] = {report.nodeid for report in reports if getattr(report, "nodeid", None)}
    failed = words["failed"] | words["error"]
    passed, skipped = len(words["passed"] - failed), len(words["skipped"] - failed)
    outcomes = Outcomes(passed, skipped, tuple(sorted(failed)), tuple(not_allowed(config)))
    if file := os.environ.get(FILE):
        Path(file).write_text(json.dumps(asdict(outcomes)))


def flaky_report(tests: list[str]) -> str:
    """The list that a run ends with, by file."""
    lines = [f"passed only at the second run: {len(tests)}"]
    for file, count in sorted(Counter(test.partition("::")[0] for test in tests).items()):
        lines.append(f"  {file} ({count})")
        lines += [f"    {test.partition('::')[2]}" for test in tests if test.startswith(f"{file}::")]
    return "\n".join(lines)
