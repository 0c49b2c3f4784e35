"""A whole mesh for tests: scripts/up as a user runs it, on a folder and ports of its own."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.mesh.token import DAY_NS
from services.common.catalog.opening import open_catalog
from services.common.rpc.identity import Scope
from services.common.rpc.tokens import TOKENS, Tokens
from services.common.settings.reading import load_settings
from tests.e2e.seen_errors import unlisted_errors
from tests.servers.process import free_port

ROOT = Path(__file__).resolve().parents[2]
MOST_DROP_BYTES = 1000  # in the tight mesh
DROP = b'{"time_stamp": "2019-05-01T06:00:00-04:00", "data": [0.379, 1.589, 2.188]}'
SIGNS = {
    "ingest": "-m services.ingest",
    "processor": "-m services.processor",
    "query": "-m services.query",
    "edge": "envoy",
}


@dataclass(frozen=True)
class Mesh:
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

    @property
    def supervisor(self) -> int:
        """The process that keeps the others running."""
        return int((self.data / "lock").read_text())

    def service(self, name: str) -> int:
        """The process of a service, or of the edge, as it runs now; 0 while there is none."""
        return next((pid for pid in children(self.supervisor) if SIGNS[name] in words(pid)), 0)

    def logged(self, service: str, request_id: str) -> dict[str, Any]:
        """The first line that a service wrote for a request."""
        found: list[dict[str, Any]] = []

        def looked() -> bool:
            lines = (self.data / "logs" / f"{service}.log").read_text().splitlines()
            found.extend(json.loads(line) for line in lines if request_id in line)
            return bool(found)

        eventually(looked)
        return found[0]

    def token(self, subject: str, *scopes: str, days: float | None = None) -> str:
        """A new token, as scripts/token makes one, for the price of no process."""
        with ThreadPoolExecutor(1) as apart:
            made = apart.submit(asyncio.run, self._make_token(subject, *(scopes or ("read", "write")), days=days))
            return made.result()

    async def _make_token(self, subject: str, *scopes: str, days: float | None) -> str:
        catalog = await open_catalog(load_settings(dict(self.environment)).catalog_url, (TOKENS,))
        try:
            now_ns = time.time_ns()
            expire_time_ns = None if days is None else now_ns + round(days * DAY_NS)
            rights = tuple(Scope(scope) for scope in scopes)
            _, text = await Tokens(catalog).create(subject, rights, now_ns=now_ns, expire_time_ns=expire_time_ns)
        finally:
            await catalog.close()
        return text

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


def children(pid: int) -> list[int]:
    """The processes that a process started and that are there still."""
    try:
        tasks = list(Path(f"/proc/{pid}/task").glob("*/children"))
        return [int(child) for task in tasks for child in task.read_text().split()]
    except OSError:
        return []


def descendants(pid: int) -> list[int]:
    """The processes below a process."""
    below = children(pid)
    return below + [further for child in below for further in descendants(child)]


def words(pid: int) -> str:
    """A process's command line; nothing when it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except OSError:
        return ""


def eventually(holds: Callable[[], object], within_seconds: float = 60) -> None:
    """Waits until something holds."""
    deadline = time.monotonic() + within_seconds
    while not holds():
        assert time.monotonic() < deadline, f"not within {within_seconds:g} s"
        time.sleep(0.05)


def bearer(token: str) -> dict[str, str]:
    """The header that carries a token."""
    return {"authorization": f"Bearer {token}"}


@contextmanager
def running_mesh(data: Path, settings: Mapping[str, str] | None = None) -> Iterator[Mesh]:
    """Starts a mesh and stops it afterwards; fails if it answered with an error that the contract does not list."""
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
    unlisted = unlisted_errors(data / "logs")
    assert not unlisted, "\n".join(unlisted)


def free_port_pair() -> int:
    """A port that is free now, as is the next one, where metrics and health are told."""
    while True:
        port = free_port()
        if port < 65535 and _is_free(port + 1):
            return port


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
