"""Measures an idle mesh: its share of a core, its own memory, and how often its threads wake up.

An idle process costs what waking up costs, and that differs from hour to hour on a shared machine: so a plain service
behind the same edge is left idle at the same time, and wake-ups are counted.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from scripts.measuring.benchmarks.contenders import plain
from scripts.measuring.benchmarks.drop_contenders import BEHIND_EDGE, PATH
from scripts.measuring.benchmarks.references import ROOT

MOST_SHARE, MOST_MIB = 0.02, 450.0
PEER = "uvicorn behind the edge"
PLAIN = BEHIND_EDGE[PEER]
PEER_SETTLES_SECONDS = 10.0
SLEPT = re.compile(r"^voluntary_ctxt_switches:\s+(\d+)", re.MULTILINE)
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
            return _watch(tree(int((Path(data) / "lock").read_text())), arguments.seconds)
        finally:
            down = [sys.executable, "-m", "scripts.mesh.down", "--data", data]
            subprocess.run(down, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


def _watch(mesh: list[int], seconds: float) -> int:
    # Before another edge shares Envoy's program with that of the mesh.
    mib = {pid: _memory_mib(pid) for pid in mesh}
    with tempfile.TemporaryDirectory(prefix="dropmesh-idle-") as folder, plain(Path(folder), PEER, PLAIN, PATH):
        time.sleep(PEER_SETTLES_SECONDS)
        peer = tree(os.getpid())[1:]
        before = {pid: (_cpu_seconds(pid), _wakeups(pid)) for pid in (*mesh, *peer)}
        started = time.monotonic()
        time.sleep(seconds)
        elapsed = time.monotonic() - started
        after = {pid: (_cpu_seconds(pid), _wakeups(pid)) for pid in before}
    taken = {
        pid: [(late - soon) / elapsed for late, soon in zip(after[pid], before[pid], strict=True)] for pid in after
    }
    for pid in mesh:
        print(_row(_name(pid), taken[pid][0], taken[pid][1], mib[pid]))
    share, wakeups = (sum(taken[pid][column] for pid in mesh) for column in (0, 1))
    print(_row("the whole mesh", share, wakeups, sum(mib.values())))
    print(_row(PEER, *(sum(taken[pid][column] for pid in peer) for column in (0, 1))))
    print(_row("at most", MOST_SHARE, None, MOST_MIB))
    return 0 if share <= MOST_SHARE and sum(mib.values()) <= MOST_MIB else 1


def _row(name: str, share: float, wakeups: float | None = None, mib: float | None = None) -> str:
    woken = "" if wakeups is None else f"{wakeups:.1f} wake-ups/s"
    return f"{name:36} {share:7.2%} of a core {woken:>18}" + ("" if mib is None else f" {mib:7.1f} MiB")


def tree(pid: int) -> list[int]:
    """A process and all that came from it."""
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return [pid, *(below for task in tasks for child in task.read_text().split() for below in tree(int(child)))]


def _cpu_seconds(pid: int) -> float:
    """User and system time of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND


def _wakeups(pid: int) -> int:
    """How often its threads have gone to sleep."""
    texts = (path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/status"))
    return sum(int(slept) for text in texts for slept in SLEPT.findall(text))


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
