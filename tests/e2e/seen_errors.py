"""The errors that the services of a mesh answered with, read from their logs and held against the contract."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from scripts.contract.method_errors import METHODS, may_answer


def unlisted_errors(logs: Path) -> list[str]:
    """Returns one line for each error that a method answered with and that its comment and option do not list."""
    return [
        f"{method} answered {reason}, which neither its option `errors` nor its comment lists"
        for method, reason in sorted(set(_seen(logs)))
        if method in METHODS and not may_answer(method, reason)
    ]


def _seen(logs: Path) -> Iterator[tuple[str, str]]:
    for log in logs.glob("*.log*"):
        for line in log.read_text(errors="replace").splitlines():
            if '"reason"' not in line:
                continue
            try:
                entry = json.loads(line)
            except ValueError:  # a process was killed while it wrote
                continue
            if isinstance(entry, dict) and "method" in entry and "reason" in entry:
                yield entry["method"], entry["reason"]
