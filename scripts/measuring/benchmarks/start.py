"""Measures how long scripts/up takes until the mesh is up, and the CPU that its processes have used by then.

The first start of a data folder is left out: it renders the sample picture, and Python compiles what it imports.
"""

from __future__ import annotations

import argparse
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from scripts.measuring.benchmarks.references import ROOT
from scripts.measuring.families import cpu_of_family
from scripts.measuring.loading.mesh import free_port_pair

MOST_SECONDS = 4.0
UP = "Ctrl-C stops it."


def main() -> int:
    """Prints each start and the medians; fails when the median takes too long."""
    parser = argparse.ArgumentParser(prog="scripts/bench start", description=__doc__)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument(
        "--beside", type=Path, metavar="CHECKOUT", help="another checkout, whose starts take turns with these"
    )
    arguments = parser.parse_args()
    checkouts = [ROOT, *([arguments.beside] if arguments.beside else [])]
    found: dict[Path, list[tuple[float, float]]] = {checkout: [] for checkout in checkouts}
    with tempfile.TemporaryDirectory(prefix="dropmesh-start-") as folder:
        for turn in range(arguments.turns + 1):
            for number, checkout in enumerate(checkouts):
                seconds, cpu = _start(checkout, Path(folder) / str(number))
                if turn:
                    found[checkout].append((seconds, cpu))
                    print(f"{checkout}: up in {seconds:.2f} s, {cpu:.2f} s of CPU", flush=True)
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    medians = [_print(checkout, turns) for checkout, turns in found.items()]
    return 0 if medians[0] <= MOST_SECONDS else 1


def _print(checkout: Path, turns: Sequence[tuple[float, float]]) -> float:
    seconds, cpu = (statistics.median(one) for one in zip(*turns, strict=True))
    print(f"{checkout}: median {seconds:.2f} s, {cpu:.2f} s of CPU (at most {MOST_SECONDS:g} s)")
    return float(seconds)


def _start(checkout: Path, data: Path) -> tuple[float, float]:
    data.mkdir(exist_ok=True)
    log = data / "up.log"
    paths = os.pathsep.join(str(checkout / part) for part in ("", "proto/python", "client"))
    command = [sys.executable, "-m", "scripts.mesh.up", "--data", str(data), "--port", str(free_port_pair())]
    began = time.perf_counter()
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=checkout, env={**os.environ, "PYTHONPATH": paths}, stdout=output, stderr=output
        )
    try:
        while UP not in log.read_text():
            if process.poll() is not None:
                raise RuntimeError(log.read_text())
            time.sleep(0.01)
        return time.perf_counter() - began, cpu_of_family(process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


if __name__ == "__main__":
    sys.exit(main())
