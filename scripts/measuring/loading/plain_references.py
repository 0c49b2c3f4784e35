"""The plain dropzones that drops are compared with, each in one process, as uvicorn runs it."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from scripts.measuring.benchmarks.references import ROOT, reference_python
from scripts.measuring.families import cpu_of_family
from scripts.measuring.loading.mesh import listens

REFERENCES = ("thread_pool", "inline")


@dataclass(frozen=True, slots=True)
class PlainReference:
    port: int
    database: Path
    process: int

    def cpu_seconds(self) -> float:
        """The CPU time of all of its processes."""
        return cpu_of_family(self.process)

    def kept(self) -> int:
        """How many drops it holds."""
        connection = sqlite3.connect(self.database)
        try:
            return int(connection.execute("SELECT count(*) FROM drops").fetchone()[0])
        finally:
            connection.close()


@contextmanager
def plain_reference(name: str, before: Sequence[str] = (), *, workers: int = 1) -> Iterator[PlainReference]:
    """Starts a reference, behind another command if given, and stops it afterwards."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="dropmesh-reference-") as folder:
        database = Path(folder) / "drops.sqlite"
        command = [str(reference_python()), "-m", "uvicorn", f"scripts.measuring.loading.references.{name}:app"]
        options = ["--port", str(port), "--loop", "uvloop", "--http", "httptools", "--no-access-log"]
        options += ["--workers", str(workers)]
        process = subprocess.Popen(
            [*before, *command, *options, "--log-level", "warning"],
            cwd=ROOT,
            env={**os.environ, "REFERENCE_DATABASE": str(database)},
            start_new_session=True,
        )
        try:
            _await_port(port, process)
            yield PlainReference(port, database, process.pid)
        finally:
            # To all of them: strace keeps such a signal to itself.
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(30)


def _await_port(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        if process.poll() is not None:
            break
        if listens(port):
            return
        time.sleep(0.1)
    raise RuntimeError("the reference did not start")
