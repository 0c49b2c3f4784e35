"""A second edge before the services of a mesh, one that turns into gRPC what the first sends to an HTTP door."""

from __future__ import annotations

import subprocess
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from scripts.edge.folder import envoy_command
from scripts.measuring.transcoding import write_transcoding_edge
from tests.e2e.mesh import Mesh, eventually, free_port_pair
from tests.servers.process import accepts


@contextmanager
def transcoding_edge(mesh: Mesh, log_file: Path, *, without: Collection[str], tokens: bool = False) -> Iterator[str]:
    """The address of an edge without the routes to some clusters."""
    port = free_port_pair()
    folder = mesh.data / "run" / f"without_{'_'.join(without)}"
    write_transcoding_edge(folder, port, without=without, tokens=tokens)
    with log_file.open("wb") as log:
        edge = subprocess.Popen(envoy_command("--log-level", "error"), cwd=folder, stdout=log, stderr=log)
    try:
        eventually(lambda: accepts(port))
        eventually(lambda: httpx.get(f"http://127.0.0.1:{port}/healthz").status_code == 200)
        yield f"http://127.0.0.1:{port}"
    finally:
        edge.kill()
        edge.wait()
