"""Restarts each instance of two of each service while callers write and read: no call may fail."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from collections import Counter

from scripts.measuring.loading.mesh import SERVICES, LoadedMesh, is_ready
from scripts.measuring.loading.mixed_callers import Callers
from scripts.measuring.loading.mixed_reader import Reader
from scripts.measuring.loading.server_mesh import server_mesh
from scripts.measuring.loading.store_verdict import loops, verdict
from scripts.mesh.instances import names
from tests.servers.tools import Missing

OF_EACH = 2
WITHIN_SECONDS = 240.0
# The edge asks an instance that was down four times a second.
NOTICED_SECONDS = 2.0


def main() -> int:
    """Prints what was acknowledged and refused; fails when a call was refused, or anything is not done in the end."""
    parser = argparse.ArgumentParser(prog="scripts/load restarts", description=__doc__)
    parser.add_argument("--rounds", type=int, default=20, help="restarts of all instances (20)")
    parser.add_argument("--callers", type=int, default=3, help="callers at once, of which one does all but drop (3)")
    parser.add_argument("--patience", type=float, default=60, help="seconds to finish in after the last restart (60)")
    arguments = parser.parse_args()
    try:
        with server_mesh(OF_EACH) as servers:
            return _run(servers.mesh, arguments)
    except Missing as missing:
        print(f"scripts/load restarts: {missing}; scripts/servers install gets it", file=sys.stderr)
        return 2


def _run(mesh: LoadedMesh, arguments: argparse.Namespace) -> int:
    before = loops(mesh)
    began = time.monotonic()
    with (
        Callers(mesh.url, arguments.callers, mesh.admin, is_mixed=True) as callers,
        Reader(mesh.url, mesh.admin, callers) as reader,
    ):
        for number in range(arguments.rounds):
            callers.begin(f"rolling restart {number + 1}")
            for service in SERVICES:
                _restart(mesh, service)
    for phase in callers.phases:
        print(phase.line(), flush=True)
    refused = sum(phase.refused.total() for phase in callers.phases)
    seconds = time.monotonic() - began
    print(f"{arguments.rounds} rolling restarts in {seconds:.0f} s: {refused} calls that write were refused")
    unread = Counter(answer for _, answer in reader.failures)
    print(f"{reader.reads} reads, of which {unread.total()} failed {dict(unread) or ''}")
    return verdict(mesh, callers, before, arguments.patience) or (1 if refused or unread else 0)


def _restart(mesh: LoadedMesh, service: str) -> None:
    for process in mesh.instances(service):
        _await_ready(mesh, service)
        time.sleep(NOTICED_SECONDS)
        os.kill(process, signal.SIGTERM)
        deadline = time.monotonic() + WITHIN_SECONDS
        while process in (running := mesh.instances(service)) or len(running) < OF_EACH:
            _check_time(deadline, f"{service} does not start again")
    _await_ready(mesh, service)


def _await_ready(mesh: LoadedMesh, service: str) -> None:
    deadline = time.monotonic() + WITHIN_SECONDS
    for name in names(service, OF_EACH):
        while not is_ready(mesh.data / "run" / f"{name}.metrics.sock"):
            _check_time(deadline, f"{name} is not ready")


def _check_time(deadline: float, fault: str) -> None:
    if time.monotonic() > deadline:
        raise RuntimeError(fault)
    time.sleep(0.2)


if __name__ == "__main__":
    sys.exit(main())
