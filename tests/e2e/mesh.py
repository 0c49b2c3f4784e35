"""A whole mesh for tests: scripts/up as a user runs it, on a folder and ports of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.servers.process import free_port

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Mesh:
    """A running mesh."""

    data: Path
    port: int
    environment: Mapping[str, str]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def operations_url(self) -> str:
        return f"http://127.0.0.1:{self.port + 1}"

    @property
    def admin_token(self) -> str:
        return (self.data / "admin-token").read_text()

    @property
    def admin(self) -> dict[str, str]:
        return bearer(self.admin_token)

    def token(self, subject: str, *scopes: str, days: str | None = None) -> str:
        """A new token, made as an operator makes one."""
        command = ["create", subject, *(part for scope in scopes for part in ("--scope", scope))]
        return self.run("scripts.mesh.token", *command, *(("--days", days) if days else ())).strip()

    def run(self, module: str, *arguments: str) -> str:
        """Runs one of the mesh's commands with its settings."""
        return subprocess.run(
            [sys.executable, "-m", module, *arguments],
            cwd=ROOT,
            env={**os.environ, **self.environment},
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        ).stdout


def bearer(token: str) -> dict[str, str]:
    """The header that carries a token."""
    return {"authorization": f"Bearer {token}"}


@contextmanager
def running_mesh(data: Path, settings: Mapping[str, str] | None = None) -> Iterator[Mesh]:
    """Starts a mesh and stops it afterwards."""
    port = free_port_pair()
    environment = {
        "DROPMESH_DATA": str(data),
        "DROPMESH_EDGE_PORT": str(port),
        "DROPMESH_PULL_MODELS": "false",
        **(settings or {}),
    }
    mesh = Mesh(data, port, environment)
    started = subprocess.run(
        [sys.executable, "-m", "scripts.mesh.up", "--detach"],
        cwd=ROOT,
        env={**os.environ, **environment},
        check=False,
        capture_output=True,
        text=True,
    )
    if started.returncode:
        logs = "\n".join(f"{log.name}: {log.read_text()[-3000:]}" for log in (data / "logs").glob("*.log"))
        raise AssertionError(f"the mesh did not start: {started.stderr}\n{logs}")
    try:
        yield mesh
    finally:
        mesh.run("scripts.mesh.down")


def free_port_pair() -> int:
    """A port that is free now, as is the next one, where metrics and health are told."""
    while True:
        port = free_port()
        if port < 65535 and _is_free(port + 1):
            return port


def _is_free(port: int) -> bool:
    import socket

    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
