"""The compose files as the compose specification's own reader sees them: merged, and with every variable filled in."""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.servers.tools import find_tool

ROOT = Path(__file__).resolve().parents[2]
FILES = ("compose.yaml", "compose.classify.yaml")


class ComposeInvalid(Exception):
    """The reader refuses a file; the text is what it said."""


def read_compose(file: str, settings: Mapping[str, str]) -> dict[str, Any]:
    """The model of a compose file, with the values of .env.example and these in place of its variables."""
    with tempfile.TemporaryDirectory() as name:
        # The reader's command takes no variables: those are filled in here, as the specification says.
        Path(name, "compose.yaml").write_text(_filled_in((ROOT / file).read_text(), {**_example(), **settings}))
        command = [str(find_tool("compose")), "-format", "json", "-no-interpolation", "compose.yaml"]
        done = subprocess.run(command, cwd=name, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ComposeInvalid(f"{file}: {(done.stderr or done.stdout).strip()}")
    model: dict[str, Any] = json.loads(done.stdout)
    return model


def _example() -> dict[str, str]:
    lines = (ROOT / ".env.example").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def _filled_in(text: str, values: Mapping[str, str]) -> str:
    def value(found: re.Match[str]) -> str:
        if found["name"] is None:
            return "$"
        held = values.get(found["name"], "")
        if not held and found["how"] == "?":
            raise ComposeInvalid(f"{found['name']}: {found['other']}")
        return held or found["other"] or ""

    return re.sub(r"\$(?:\$|\{(?P<name>\w+)(?::(?P<how>[-?])(?P<other>[^}]*))?\})", value, text)
