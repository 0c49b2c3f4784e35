"""Measures an idle mesh: its share of a core, and its own memory."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from scripts.measuring.benchmarks.references import ROOT

MOST_SHARE, MOST_MIB = 0.02, 450.0
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


def main() -> int:
    """Starts a mesh, leaves it alone, prints what each of its processes took; fails when that is too much."""
    parser = argparse.ArgumentParser(prog="scripts/bench idle", description=__doc__)
    parser.add_argument("--seconds", type=float, default=20, help="how long it is watched")
    parser.add_argument("--settle", type=float, default=20, help="how long it is left to settle before")
    parser.add_argument("--port", default="18700")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="dropmesh-idle-") as data:
        command = [sys.executable, "-m", "scripts.mesh.up", "--data", data, "--port", arguments.port]
        subprocess.run([*command, "--detach"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        try:
            time.sleep(arguments.settle)
            return _watch(int((Path(data) / "lock").read_text()), arguments.seconds)
        finally:
            down = [sys.executable, "-m", "scripts.mesh.down", "--data", data]
            subprocess.run(down, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


def _watch(supervisor: int, seconds: float) -> int:
    before = {pid: _cpu_seconds(pid) for pid in tree(supervisor)}
    started = time.monotonic()
    time.sleep(seconds)
    elapsed = time.monotonic() - started
    all_share = all_mib = 0.0
    for pid in tree(supervisor):
        share, mib = (_cpu_seconds(pid) - before.get(pid, 0.0)) / elapsed, _memory_mib(pid)
        all_share, all_mib = all_share + share, all_mib + mib
        print(f"{_name(pid):40} {share:7.2%} of a core  {mib:7.1f} MiB")
    print(f"{'the whole mesh':40} {all_share:7.2%} of a core  {all_mib:7.1f} MiB")
    print(f"{'at most':40} {MOST_SHARE:7.2%} of a core  {MOST_MIB:7.1f} MiB")
    return 0 if all_share <= MOST_SHARE and all_mib <= MOST_MIB else 1


def tree(pid: int) -> list[int]:
    """A process and all that came from it."""
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return [pid, *(below for task in tasks for child in task.read_text().split() for below in tree(int(child)))]


def _cpu_seconds(pid: int) -> float:
    """User and system time of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND


def _memory_mib(pid: int) -> float:
    """Its proportional share: what processes share is counted once among them."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    return 0.0


def _name(pid: int) -> str:
    words = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    return words[2] if words[1:2] == ["-m"] else Path(words[0]).name


if __name__ == "__main__":
    sys.exit(main())
