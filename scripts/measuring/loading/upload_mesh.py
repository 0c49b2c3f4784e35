"""The part of a mesh that takes uploads and gives them back: ingest and query behind the edge, without a processor.

So what is measured or damaged is the way in, and nothing works on the media meanwhile.
"""

from __future__ import annotations

import asyncio
import os
import re
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from scripts.edge.config import EdgeConfig
from scripts.edge.folder import envoy_command, write_edge_folder
from scripts.measuring.families import cpu_of_family
from scripts.measuring.loading.drop_processes import DropProcesses
from scripts.mesh.admin_token import ensure_admin_token
from services.common.settings import Settings
from services.common.settings.reading import load_settings

EDGE_WITHIN_SECONDS = 30.0
SERVICES = ("ingest", "query")


@dataclass(frozen=True, slots=True)
class UploadMesh:
    """Running processes, and what opens them."""

    port: int
    settings: Settings
    processes: DropProcesses
    token: str
    edge: int
    """The process of the edge."""

    @property
    def url(self) -> str:
        """The edge."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def authorization(self) -> dict[str, str]:
        """The header of a caller with every right."""
        return {"authorization": f"Bearer {self.token}"}

    def memory_bytes(self) -> int:
        """The resident memory of ingest, without the processes that read metadata for it."""
        found = re.search(r"VmRSS:\s+(\d+) kB", self._status("ingest"))
        return int(found[1]) * 1024 if found else 0

    def cpu_seconds(self) -> float:
        """The CPU time of all its processes, with those that read metadata."""
        services = (self.processes.process_id(name) for name in SERVICES)
        return sum(map(cpu_of_family, (*services, self.edge)))

    def _status(self, name: str) -> str:
        return Path(f"/proc/{self.processes.process_id(name)}/status").read_text()


@contextmanager
def upload_mesh(data: Path, settings: Mapping[str, str] | None = None) -> Iterator[UploadMesh]:
    """Starts ingest, query and the edge on a folder, and stops them afterwards."""
    port = _free_port()
    variables = {"DROPMESH_DATA": str(data), "DROPMESH_EDGE_PORT": str(port), **(settings or {})}
    loaded = load_settings({**os.environ, **variables})
    processes = DropProcesses(data, variables)
    token = asyncio.run(ensure_admin_token(loaded)).read_text()
    try:
        for name in SERVICES:
            processes.start(name)
        with _edge(loaded) as edge:
            yield UploadMesh(port, loaded, processes, token, edge)
    finally:
        processes.stop()


@contextmanager
def _edge(settings: Settings) -> Iterator[int]:
    config = EdgeConfig(
        listen=f"127.0.0.1:{settings.edge_port}",
        operations=f"127.0.0.1:{_free_port()}",
        requests_per_second=1_000_000,
    )
    folder = settings.data / "run" / "edge"
    write_edge_folder(folder, config)
    with (settings.data / "edge.log").open("wb") as log:
        command = envoy_command("--log-level", "error")
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
    try:
        await_port(settings.edge_port, EDGE_WITHIN_SECONDS)
        yield process.pid
    finally:
        process.terminate()
        process.wait(30)


def await_port(port: int, within_seconds: float) -> None:
    """Waits until something listens on the port of this machine."""
    deadline = time.monotonic() + within_seconds
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
