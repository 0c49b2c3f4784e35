"""Services that are measured side by side, and plain ones among them: alone, or behind the mesh's own edge."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from scripts.edge.config import EdgeConfig
from scripts.edge.folder import envoy_command, write_edge_folder
from scripts.measuring.benchmarks.references import ROOT, reference_python
from scripts.measuring.benchmarks.syncs import SyncCount, sync_count
from scripts.measuring.families import cpu_of_family
from scripts.measuring.loading.mesh import free_port_pair

UVICORN = ("uvicorn", "--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "warning")
GRANIAN = ("granian", "--interface", "asginl", "--loop", "uvloop", "--no-ws", "--log-level", "warning")
MESH = "the mesh"


@dataclass(frozen=True, slots=True)
class Contender:
    """A service that runs; `drained` returns once all that it accepted is done. Of a mesh, `data` is its folder."""

    name: str
    port: int
    cpu_seconds: Callable[[], float]
    syncs: SyncCount
    drained: Callable[[], None] = lambda: None
    data: Path = Path()


@dataclass(frozen=True, slots=True)
class Peer:
    """A plain service: its server, its app in loading/references, and whether the edge stands before it."""

    server: Sequence[str]
    app: str
    is_behind: bool = False


@contextmanager
def plain(
    folder: Path, name: str, peer: Peer, path: str, settings: Mapping[str, str] | None = None
) -> Iterator[Contender]:
    """Starts a plain service, which answers a POST of one byte at `path` with 400."""
    port = free_port_pair()
    own = folder / name.replace(" ", "_")
    (own / "run").mkdir(parents=True)
    (own / "objects").mkdir()
    syncs = sync_count(folder, own.name)
    address = ("--uds", str(own / "run" / "ingest.http.sock")) if peer.is_behind else ("--port", str(port))
    app = f"scripts.measuring.loading.references.{peer.app}:app"
    command = [str(reference_python()), "-m", *peer.server, *address, app]
    stores = {"REFERENCE_DATABASE": str(own / "drops.sqlite"), "REFERENCE_FOLDER": str(own / "objects")}
    environment = {**os.environ, **syncs.environment, **stores, **(settings or {})}
    with ExitStack() as stack:
        processes = [started(stack, command, environment, own / "server.log", ROOT)]
        if peer.is_behind:
            addresses = (f"127.0.0.1:{port}", f"127.0.0.1:{port + 1}")
            run = own / "run" / "edge"
            write_edge_folder(run, EdgeConfig(*addresses, requests_per_second=1_000_000))
            edge = envoy_command("--log-level", "error")
            processes.append(started(stack, edge, {**os.environ}, own / "edge.log", run))
        _await_answer(port, path, own)
        yield Contender(name, port, lambda: sum(cpu_of_family(process.pid) for process in processes), syncs)


def started(
    stack: ExitStack, command: Sequence[str], environment: Mapping[str, str], log: Path, folder: Path
) -> subprocess.Popen[bytes]:
    with log.open("wb") as file:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=file, stderr=subprocess.STDOUT)
    stack.callback(process.wait)
    stack.callback(process.send_signal, signal.SIGTERM)
    return process


def _await_answer(port: int, path: str, folder: Path) -> None:
    request = f"POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1\r\n\r\n1".encode()
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
