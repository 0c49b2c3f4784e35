"""Kills ingest and processor again and again while callers drop, and looks for every acknowledged drop afterwards."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path

from scripts.measuring.loading.drop_processes import drop_processes
from scripts.measuring.loading.killing import drop_while_killing


def main() -> int:
    """Prints the verdict; fails when anything is wrong."""
    parser = argparse.ArgumentParser(prog="scripts/load kills", description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--callers", type=int, default=16)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="dropmesh-") as folder, drop_processes(Path(folder), {}) as processes:
        verdict = asyncio.run(drop_while_killing(processes, arguments.kills, arguments.callers, arguments.seed))
    seconds = time.monotonic() - began
    faults = len(verdict.faults)
    print(f"{verdict.kills} kills, {verdict.acknowledged} drops acknowledged, {faults} faults, {seconds:.0f} s")
    for fault in verdict.faults:
        print(f"  {fault}")
    return 1 if verdict.faults else 0


if __name__ == "__main__":
    sys.exit(main())
