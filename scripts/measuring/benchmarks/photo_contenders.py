"""The stores of photos that are measured side by side: plain ones, and the part of a mesh that takes uploads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from scripts.measuring.benchmarks.contenders import MESH, UVICORN, Contender, Peer, plain
from scripts.measuring.benchmarks.server_stores import Servers
from scripts.measuring.benchmarks.syncs import sync_count
from scripts.measuring.loading.upload_mesh import upload_mesh

PATH = "/v1/media"
PEERS = {
    "uvicorn": Peer(UVICORN, "photos_asgi"),
    "uvicorn behind the edge": Peer(UVICORN, "photos_asgi", is_behind=True),
    "FastAPI behind the edge": Peer(UVICORN, "photos_fastapi", is_behind=True),
}


@contextmanager
def contenders(folder: Path, names: Sequence[str], servers: Servers | None = None) -> Iterator[dict[str, Contender]]:
    """Starts those that are named, on embedded stores or on servers, and stops them afterwards."""
    settings = {} if servers is None else servers.of_peer()
    with ExitStack() as stack:
        yield {
            name: stack.enter_context(
                _mesh(folder, servers) if name == MESH else plain(folder, name, PEERS[name], PATH, settings)
            )
            for name in names
        }


@contextmanager
def _mesh(folder: Path, servers: Servers | None) -> Iterator[Contender]:
    """No processor runs, which would work on the photos meanwhile."""
    syncs = sync_count(folder, "mesh")
    stores = {} if servers is None else servers.of_mesh()
    with upload_mesh(folder / "mesh", {**syncs.environment, **stores}) as mesh:
        yield Contender(MESH, mesh.port, mesh.cpu_seconds, syncs)
