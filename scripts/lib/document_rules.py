"""The recommended rules of Redocly's and Spectral's linters, on the OpenAPI document. Neither calls home."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from tests.servers.tools import find_tool

QUIET = {"REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true"}
RULES = {"redocly.yaml": "extends: [recommended]\ntelemetry: off\n", ".spectral.yaml": 'extends: ["spectral:oas"]\n'}


def broken_document_rules(document: Path) -> list[str]:
    """Every error, warning and hint of both linters; raises Missing where one is not at hand."""
    redocly, spectral = find_tool("redocly"), find_tool("spectral")
    with tempfile.TemporaryDirectory(prefix="dropmesh-lint-") as name:
        folder = Path(name)
        for file, text in RULES.items():
            (folder / file).write_text(text)
        said = _run(redocly, "lint", document, "--format", "json", "--max-problems", "1000", folder=folder)
        found = [f"redocly {one['ruleId']}: {one['message']} at {_place(one)}" for one in said["problems"]]
        said = _run(spectral, "lint", document, "--format", "json", "--quiet", folder=folder)
        found += [f"spectral {one['code']}: {one['message']} at {'.'.join(map(str, one['path']))}" for one in said]
    return found


def _place(problem: Any) -> str:
    return str(problem["location"][0].get("pointer", "")) if problem["location"] else ""


def _run(*command: str | Path, folder: Path) -> Any:
    environment = {**os.environ, **QUIET}
    ran = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    try:
        return json.loads(ran.stdout)
    except json.JSONDecodeError:
        raise RuntimeError(f"{command[0]} printed no JSON:\n{ran.stdout[-1000:]}{ran.stderr[-1000:]}") from None
