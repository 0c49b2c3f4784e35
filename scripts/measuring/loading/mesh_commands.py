"""Runs the mesh's own commands, as an operator does."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from scripts.lib.checkouts import ROOT, python_path


def run_command(settings: Mapping[str, str], module: str, *arguments: str, root: Path = ROOT) -> int:
    """Runs a command of a checkout, prints its last line, and returns 1 when it failed."""
    command = [sys.executable, "-m", module, *arguments]
    environment = {**os.environ, "PYTHONPATH": python_path(root), **settings}
    done = subprocess.run(command, cwd=root, env=environment, check=False, capture_output=True, text=True)
    said = (done.stdout + done.stderr).strip().splitlines()
    print(f"{' '.join((module, *arguments))}: {said[-1] if said else 'done'}", flush=True)
    return 1 if done.returncode else 0
