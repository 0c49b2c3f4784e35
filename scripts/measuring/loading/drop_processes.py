"""Ingest and processor as bare processes that can be killed at any moment and started again at once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import grpc

ROOT = Path(__file__).resolve().parents[3]
READY_WITHIN_SECONDS = 240.0
# A client that found no service waits for a second, and longer each time, before it looks again.
LOOK_OFTEN = [(f"grpc.{which}_reconnect_backoff_ms", 100) for which in ("initial", "min", "max")]


class DropProcesses:
    """The processes of a data folder, by name."""

    def __init__(self, data: Path, settings: Mapping[str, str]) -> None:
        self.data = data
        self._environment = {**os.environ, "DROPMESH_DATA": str(data), **settings}
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        (data / "run").mkdir(parents=True, exist_ok=True)

    def start(self, name: str) -> None:
        """Starts a service and waits until it answers."""
        with (self.data / f"{name}.log").open("ab") as log:
            self._running[name] = subprocess.Popen(
                [sys.executable, "-m", f"services.{name}"], cwd=ROOT, env=self._environment, stdout=log, stderr=log
            )
        with grpc.insecure_channel(self.address(name), LOOK_OFTEN) as channel:
            grpc.channel_ready_future(channel).result(READY_WITHIN_SECONDS)

    def kill(self, name: str) -> None:
        """Ends a service as power loss would."""
        process = self._running.pop(name)
        process.send_signal(signal.SIGKILL)
        process.wait()

    def process_id(self, name: str) -> int:
        """The process of a service that runs."""
        return self._running[name].pid

    def has_ended(self, name: str) -> bool:
        """Whether a service that was started has ended without being stopped."""
        return self._running[name].poll() is not None

    def address(self, name: str) -> str:
        """Where a service listens."""
        return f"unix:{self.data}/run/{name}.sock"

    def stop(self) -> None:
        """Ends all of them in order."""
        for process in self._running.values():
            process.terminate()
        for process in self._running.values():
            process.wait(30)
        self._running.clear()


@contextmanager
def drop_processes(data: Path, settings: Mapping[str, str]) -> Iterator[DropProcesses]:
    """Runs ingest, processor and query, and stops them afterwards."""
    processes = DropProcesses(data, settings)
    try:
        for name in ("ingest", "processor", "query"):
            processes.start(name)
        yield processes
    finally:
        processes.stop()
