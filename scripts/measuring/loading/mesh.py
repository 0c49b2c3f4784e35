"""A mesh to be loaded: scripts/up on a folder and ports of its own, its processes known by name."""

from __future__ import annotations

import http.client
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from scripts.lib.checkouts import ROOT, python_path
from scripts.measuring.families import cpu_of_family

SERVICES = ("ingest", "processor", "query")
STARTED_WITHIN_SECONDS = 240.0
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class LoadedMesh:
    port: int
    data: Path

    @property
    def url(self) -> str:
        """Its edge."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def admin(self) -> dict[str, str]:
        """The header of a caller with every right."""
        return {"authorization": f"Bearer {(self.data / 'admin-token').read_text().strip()}"}

    def instances(self, service: str) -> list[int]:
        """The processes of a service, of which there may be several."""
        found = []
        for entry in Path("/proc").iterdir():
            try:
                command = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
                environment = (entry / "environ").read_bytes().decode(errors="replace")
            except OSError:
                continue
            # One of several has a data folder of its own below that of the mesh.
            if f"services.{service}" in command and f"DROPMESH_DATA={self.data}" in environment:
                found.append(int(entry.name))
        return sorted(found)

    def processes(self) -> dict[str, int]:
        """The processes of the mesh by name."""
        found = {}
        for entry in Path("/proc").iterdir():
            try:
                command = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
                ours = f"DROPMESH_DATA={self.data}\0".encode() in (entry / "environ").read_bytes() + b"\0"
            except OSError:
                continue
            if ours and "strace" not in command[0]:
                name = next((name for name in SERVICES if f"services.{name}" in command), None)
                if name or "envoy" in Path(command[0]).name:
                    found[name or "edge"] = int(entry.name)
        return found

    def cpu_seconds(self) -> dict[str, float]:
        """The CPU time that each process has used."""
        used = {}
        for name, number in self.processes().items():
            fields = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()
            used[name] = (int(fields[11]) + int(fields[12])) / _TICKS
        return used

    def family_cpu_seconds(self) -> dict[str, float]:
        """The CPU time that each process and its children have used."""
        return {name: cpu_of_family(number) for name, number in self.processes().items()}

    def memory_bytes(self) -> dict[str, int]:
        """The memory that each process has for itself: pages of its program and libraries can be read again."""
        held = {}
        for name, number in self.processes().items():
            found = re.search(r"RssAnon:\s+(\d+) kB", Path(f"/proc/{number}/status").read_text())
            held[name] = int(found[1]) * 1024 if found else 0
        return held

    def queue_depth(self) -> int:
        """How many messages of drops wait or are worked on, as the processor last saw it."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port + 1}/metrics/processor", timeout=10) as answer:
            text = answer.read().decode()
        depths = re.findall(r'^dropmesh_queue_depth\{topic="(?:large_)?drops"\} (\S+)', text, re.MULTILINE)
        return round(sum(map(float, depths)))


def is_ready(metrics_socket: Path) -> bool:
    """Whether the service that serves its metrics at this socket can do its work."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(10)
        try:
            connection.connect(str(metrics_socket))
            connection.sendall(b"GET /readyz HTTP/1.0\r\nhost: localhost\r\n\r\n")
            return b" 200 " in connection.recv(100)
        except OSError:
            return False


@contextmanager
def loaded_mesh(
    before: Sequence[str] = (),
    settings: Mapping[str, str] | None = None,
    data: Path | None = None,
    root: Path = ROOT,
    port: int | None = None,
) -> Iterator[LoadedMesh]:
    """Starts a mesh of a checkout, behind another command if given, and stops it afterwards."""
    data = data or Path(tempfile.mkdtemp(prefix="dropmesh-load-"))
    data.mkdir(exist_ok=True)
    port = port or free_port_pair()
    environment = {
        **os.environ,
        "PYTHONPATH": python_path(root),
        "DROPMESH_DATA": str(data),
        "DROPMESH_EDGE_PORT": str(port),
        "DROPMESH_OPERATIONS": str(port + 1),
        **(settings or {}),
    }
    mesh = LoadedMesh(port, data)
    with (data / "up.log").open("wb") as log:
        process = subprocess.Popen(
            [*before, sys.executable, "-m", "scripts.mesh.up"], cwd=root, env=environment, stdout=log, stderr=log
        )
    try:
        _await_health(mesh, process)
        yield mesh
    finally:
        subprocess.run(
            [sys.executable, "-m", "scripts.mesh.down"],
            cwd=root,
            env=environment,
            check=False,
            stdout=subprocess.DEVNULL,
        )
        process.terminate()
        process.wait(30)
        shutil.rmtree(data, ignore_errors=True)


def _await_health(mesh: LoadedMesh, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + STARTED_WITHIN_SECONDS
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{mesh.port + 1}/healthz", timeout=2) as answer:
                if answer.status == 200:
                    return
        except (OSError, http.client.HTTPException):
            # The latter if no process listens yet and the system gave this end the same port: it talks to itself.
            pass
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"the mesh did not start:\n{(mesh.data / 'up.log').read_text()[-3000:]}")
        time.sleep(0.1)


def listens(port: int) -> bool:
    """Whether a process of this machine takes connections at a port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def free_port_pair() -> int:
    while True:
        with socket.socket() as one, socket.socket() as other:
            one.bind(("127.0.0.1", 0))
            port: int = one.getsockname()[1]
            try:
                other.bind(("127.0.0.1", port + 1))
            except (OSError, OverflowError):
                continue
            return port
