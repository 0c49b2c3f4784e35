from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from scripts.lib.workflows import workflow_faults

PROGRAM = '#!/usr/bin/env bash\nexec "$venv/bin/python" -m scripts.lib.check "$@"\n'


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for folder in (".github/workflows", "scripts", "proto"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "scripts" / "check").write_text(PROGRAM)
    (tmp_path / "scripts" / "image").write_text("#!/bin/sh\n# scripts/image [--keep]\n")
    return tmp_path


def faults(checkout: Path, run: str) -> list[str]:
    def help_of(words: Sequence[str]) -> str:
        return {("scripts/check",): "--require-all", ("scripts/check", "list"): "--long"}.get(tuple(words), "")

    text = "\n".join(f"          {line}" for line in run.splitlines())
    workflow = f"jobs:\n  test:\n    steps:\n      - uses: actions/checkout@v4\n      - run: |\n{text}\n"
    (checkout / ".github" / "workflows" / "ci.yml").write_text(workflow)
    return workflow_faults(checkout, help_of)


@pytest.mark.parametrize(
    "run",
    [
        "scripts/check --require-all",
        "scripts/check list --long && pip wheel ./proto",
        "sudo scripts/image --keep",
        "echo something else",
    ],
)
def test_commands_that_exist_have_no_fault(checkout, run):
    assert faults(checkout, run) == []


@pytest.mark.parametrize(
    ("run", "fault"),
    [
        ("scripts/check --require", "it has no option --require"),
        ("scripts/check list --short", "it has no option --short"),
        ("scripts/check remove --long", "it has no command remove"),
        ("scripts/image --keep-all", "it has no option --keep-all"),
        ("scripts/checks", "there is no scripts/checks"),
        ("cp proto/openapi.json dist/", "there is no proto/openapi.json"),
        ("true && pip wheel ./client", "there is no ./client"),
    ],
)
def test_a_command_that_would_fail_is_named(checkout, run, fault):
    assert any(found.startswith("ci.yml: ") and fault in found for found in faults(checkout, run))
