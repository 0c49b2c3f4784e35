"""The services that are read: a mesh with a few drops and a photo, and plain ones that hold its answers."""

from __future__ import annotations

import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.edge.folder import envoy_command
from scripts.measuring.benchmarks.contenders import UVICORN, started
from scripts.measuring.benchmarks.references import ROOT, reference_python
from scripts.measuring.families import cpu_of_family
from scripts.measuring.loading.mesh import LoadedMesh, free_port_pair, loaded_mesh
from scripts.measuring.peer_edge import write_peer_edge
from scripts.measuring.transcoding import write_transcoding_edge
from scripts.mesh.sample import ensure_sample

PEERS = {
    "pure ASGI": ("reads_asgi", False),
    "pure ASGI behind the edge": ("reads_asgi", True),
    "FastAPI behind the edge": ("reads_fastapi", True),
}
MESH = "the mesh"
BY_GRPC = "the mesh by gRPC"
LISTED = 50
DROPS = 60
WITHIN_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Reader:
    """A service that runs; `cpu_seconds` are those of its edge and of the rest."""

    port: int
    cpu_seconds: Callable[[], tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Readers:
    """Those that run, the path of each kind of read, and the token that all take."""

    running: Mapping[str, Reader]
    paths: Mapping[str, str]
    token: str


@contextmanager
def readers(folder: Path) -> Iterator[Readers]:
    """Starts all, and stops them afterwards."""
    with ExitStack() as stack:
        mesh = stack.enter_context(loaded_mesh())
        token = (mesh.data / "admin-token").read_text().strip()
        paths = _filled(mesh, token)
        seed = folder / "seed.json"
        seed.write_text(json.dumps(_seed(mesh, token, paths)))
        running = {MESH: Reader(mesh.port, lambda: _of_mesh(mesh)), BY_GRPC: _by_grpc(stack, mesh)}
        _await_answer(running[BY_GRPC].port, paths["measurement"], token)
        for name, (app, is_behind) in PEERS.items():
            running[name] = _peer(stack, folder / name.replace(" ", "_"), app, seed, is_behind=is_behind)
            _await_answer(running[name].port, paths["measurement"], token)
        yield Readers(running, paths, token)


def _of_mesh(mesh: LoadedMesh) -> tuple[float, float]:
    seconds = mesh.cpu_seconds()
    edge = seconds.pop("edge")
    return edge, sum(seconds.values())


def _by_grpc(stack: ExitStack, mesh: LoadedMesh) -> Reader:
    """A second edge before the same services, which turns each read into gRPC and back."""
    port, folder = free_port_pair(), mesh.data / "run" / "transcoding"
    write_transcoding_edge(folder, port, without=["query_http", "processor_http"])
    edge = started(stack, envoy_command("--log-level", "error"), {**os.environ}, mesh.data / "edge.log", folder)
    return Reader(port, lambda: (cpu_of_family(edge.pid), _of_mesh(mesh)[1]))


def _filled(mesh: LoadedMesh, token: str) -> dict[str, str]:
    """Drops readings and a photo, and returns what to read."""
    receipt = ""
    for second in range(DROPS):
        drop = {"time_stamp": f"2024-01-01T00:00:{second:02d}Z", "data": [0.379, 1.589, 2.188, second]}
        waiting = "?wait=10s" if second == DROPS - 1 else ""
        answer = _answer(mesh.port, f"/v1/measurements{waiting}", token, json.dumps(drop).encode(), "application/json")
        receipt = answer["receipt"]["name"]
    photo = ensure_sample(mesh.data).read_bytes()
    media = _answer(mesh.port, "/v1/media", token, photo, "image/jpeg")["results"][0]["media"]["name"]
    give_up = time.monotonic() + WITHIN_SECONDS
    while _answer(mesh.port, f"/v1/{media}", token)["state"] != "PROCESSED":
        if time.monotonic() > give_up:
            raise RuntimeError("the photo was not processed")
        time.sleep(0.2)
    return {
        "measurement": "/v1/measurements/2024-01-01T00:00:07Z",
        "media": f"/v1/{media}",
        "receipt": f"/v1/{receipt}",
        f"list of {LISTED}": f"/v1/measurements?page_size={LISTED}",
        "statistics": "/v1/statistics",
    }


def _seed(mesh: LoadedMesh, token: str, paths: Mapping[str, str]) -> dict[str, object]:
    documents = {path: _answer(mesh.port, path, token) for path in paths.values() if "?" not in path}
    listed = _answer(mesh.port, f"/v1/measurements?page_size={DROPS}", token)["measurements"]
    return {"token": token, "documents": documents, "lists": {"/v1/measurements": listed}}


def _answer(port: int, path: str, token: str, body: bytes | None = None, content_type: str = "") -> dict[str, Any]:
    headers = {"authorization": f"Bearer {token}", **({"content-type": content_type} if content_type else {})}
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", body, headers)
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - an address made above
        found: dict[str, Any] = json.load(answer)
        return found


def _peer(stack: ExitStack, folder: Path, app: str, seed: Path, *, is_behind: bool) -> Reader:
    (folder / "run").mkdir(parents=True)
    port = free_port_pair()
    address = ("--uds", str(folder / "run" / "ingest.http.sock")) if is_behind else ("--port", str(port))
    command = [str(reference_python()), "-m", *UVICORN, *address, f"scripts.measuring.loading.references.{app}:app"]
    environment = {**os.environ, "REFERENCE_SEED": str(seed), "REFERENCE_DATABASE": str(folder / "documents.sqlite")}
    server = started(stack, command, environment, folder / "server.log", ROOT)
    if not is_behind:
        return Reader(port, lambda: (0.0, cpu_of_family(server.pid)))
    edge_folder = folder / "run" / "edge"
    write_peer_edge(edge_folder, port)
    edge = started(stack, envoy_command("--log-level", "error"), {**os.environ}, folder / "edge.log", edge_folder)
    return Reader(port, lambda: (cpu_of_family(edge.pid), cpu_of_family(server.pid)))


def _await_answer(port: int, path: str, token: str) -> None:
    give_up = time.monotonic() + WITHIN_SECONDS
    while True:
        try:
            _answer(port, path, token)
        except (urllib.error.URLError, OSError):
            if time.monotonic() > give_up:
                raise
            time.sleep(0.1)
        else:
            return
