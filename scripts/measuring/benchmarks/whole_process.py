"""Running a command from its start to its end, with what it cost."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of one process, its start included."""

    wall_seconds: float
    processor_seconds: float
    output: str


def run_measured(command: Sequence[str], log: Path) -> Cost:
    """Run a command; raises `RuntimeError` with the end of what it said where it fails."""
    started = time.perf_counter()
    with log.open("w+b") as said, subprocess.Popen(command, stdout=subprocess.PIPE, stderr=said) as process:
        output = process.stdout.read().decode() if process.stdout else ""
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - started
    if process.returncode != 0:
        raise RuntimeError(f"{command[0]} failed: {log.read_text(errors='replace')[-2000:]}")
    return Cost(wall, usage.ru_utime + usage.ru_stime, output)
