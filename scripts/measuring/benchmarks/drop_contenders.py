"""The dropzones that are measured side by side: plain ones, plain ones behind the mesh's own edge, and a mesh."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from scripts.edge.config import EdgeConfig
from scripts.edge.folder import envoy_command, write_edge_folder
from scripts.measuring.benchmarks.references import ROOT, reference_python
from scripts.measuring.benchmarks.syncs import SyncCount, sync_count
from scripts.measuring.families import cpu_of_family
from scripts.measuring.loading.mesh import free_port_pair, loaded_mesh

DRAINED_WITHIN_SECONDS = 120.0
UVICORN = ("uvicorn", "--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "warning")
GRANIAN = ("granian", "--interface", "asginl", "--loop", "uvloop", "--no-ws", "--log-level", "warning")
# Of each: the server, and the app.
PLAIN = {
    "uvicorn": (UVICORN, "plain_asgi"),
    "granian": (GRANIAN, "plain_asgi"),
}
BEHIND_EDGE = {
    "uvicorn behind the edge": (UVICORN, "plain_asgi"),
    "FastAPI behind the edge": (UVICORN, "fastapi_grouped"),
}
MESH = "the mesh"


@dataclass(frozen=True, slots=True)
class Contender:
    """A dropzone that runs; `drained` returns once every accepted drop has its measurement."""

    name: str
    port: int
    cpu_seconds: Callable[[], float]
    syncs: SyncCount
    drained: Callable[[], None]


@contextmanager
def contenders(folder: Path, names: Sequence[str]) -> Iterator[dict[str, Contender]]:
    """Starts those that are named, and stops them afterwards."""
    with ExitStack() as stack:
        yield {name: stack.enter_context(_contender(folder, name)) for name in names}


@contextmanager
def _contender(folder: Path, name: str) -> Iterator[Contender]:
    if name == MESH:
        syncs = sync_count(folder, "mesh")
        with loaded_mesh(settings=syncs.environment) as mesh:
            catalog = mesh.data / "catalog.sqlite"
            yield Contender(
                name, mesh.port, lambda: sum(mesh.cpu_seconds().values()), syncs, lambda: _await_settled(catalog)
            )
        return
    server, app = {**PLAIN, **BEHIND_EDGE}[name]
    port = free_port_pair()
    own = folder / name.replace(" ", "_")
    (own / "run").mkdir(parents=True)
    syncs = sync_count(folder, own.name)
    is_behind = name in BEHIND_EDGE
    address = ("--uds", str(own / "run" / "ingest.http.sock")) if is_behind else ("--port", str(port))
    command = [str(reference_python()), "-m", *server, *address, f"scripts.measuring.loading.references.{app}:app"]
    environment = {**os.environ, **syncs.environment, "REFERENCE_DATABASE": str(own / "drops.sqlite")}
    with ExitStack() as stack:
        processes = [started(stack, command, environment, own / "server.log", ROOT)]
        if is_behind:
            edge = EdgeConfig(
                listen=f"127.0.0.1:{port}", operations=f"127.0.0.1:{port + 1}", requests_per_second=1_000_000
            )
            write_edge_folder(own / "run" / "edge", edge)
            run = own / "run" / "edge"
            processes.append(
                started(stack, envoy_command("--log-level", "error"), {**os.environ}, own / "edge.log", run)
            )
        _await_answer(port, own)
        yield Contender(
            name, port, lambda: sum(cpu_of_family(process.pid) for process in processes), syncs, lambda: None
        )


def started(
    stack: ExitStack, command: Sequence[str], environment: dict[str, str], log: Path, folder: Path
) -> subprocess.Popen[bytes]:
    with log.open("wb") as file:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=file, stderr=subprocess.STDOUT)
    stack.callback(process.wait)
    stack.callback(process.send_signal, signal.SIGTERM)
    return process


def _await_answer(port: int, folder: Path) -> None:
    request = b"POST /v1/measurements HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1\r\n\r\n1"
    for _ in range(300):
        time.sleep(0.1)
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
                connection.sendall(request)
                if connection.recv(100).startswith(b"HTTP/1.1 400"):
                    return
        except OSError:
            continue
    raise RuntimeError(f"no answer:\n{(folder / 'server.log').read_text()[-2000:]}")


def _await_settled(catalog: Path) -> None:
    give_up = time.monotonic() + DRAINED_WITHIN_SECONDS
    with closing(sqlite3.connect(f"file:{catalog}?mode=ro", uri=True)) as connection:
        while connection.execute("SELECT 1 FROM receipts WHERE state = 'new' LIMIT 1").fetchone():
            if time.monotonic() > give_up:
                raise RuntimeError("drops were accepted and not processed")
            time.sleep(0.02)
