"""The dropzones that are measured side by side: plain ones, plain ones behind the mesh's own edge, and a mesh."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

from pymongo import MongoClient

from scripts.measuring.benchmarks.contenders import GRANIAN, MESH, UVICORN, Contender, Peer, plain
from scripts.measuring.benchmarks.server_stores import Servers
from scripts.measuring.benchmarks.syncs import sync_count
from scripts.measuring.loading.mesh import loaded_mesh

PATH = "/v1/measurements"
DRAINED_WITHIN_SECONDS = 120.0
PLAIN = {
    "uvicorn": Peer(UVICORN, "plain_asgi"),
    "granian": Peer(GRANIAN, "plain_asgi"),
}
BEHIND_EDGE = {
    "uvicorn behind the edge": Peer(UVICORN, "plain_asgi", is_behind=True),
    "FastAPI behind the edge": Peer(UVICORN, "fastapi_grouped", is_behind=True),
}


@contextmanager
def contenders(folder: Path, names: Sequence[str], servers: Servers | None = None) -> Iterator[dict[str, Contender]]:
    """Starts those that are named, on embedded stores or on servers, and stops them afterwards."""
    peers = {**PLAIN, **BEHIND_EDGE}
    settings = {} if servers is None else servers.of_peer()
    with ExitStack() as stack:
        yield {
            name: stack.enter_context(
                _mesh(folder, servers) if name == MESH else plain(folder, name, peers[name], PATH, settings)
            )
            for name in names
        }


@contextmanager
def _mesh(folder: Path, servers: Servers | None) -> Iterator[Contender]:
    syncs = sync_count(folder, "mesh")
    stores = {} if servers is None else servers.of_mesh()
    with loaded_mesh(settings={**syncs.environment, **stores}) as mesh:
        is_waiting = _in_sqlite(mesh.data / "catalog.sqlite") if servers is None else _in_mongo(stores)
        cpu = mesh.cpu_seconds
        yield Contender(
            MESH, mesh.port, lambda: sum(cpu().values()), syncs, lambda: _await_settled(is_waiting), mesh.data
        )


def _await_settled(is_waiting: Callable[[], bool]) -> None:
    give_up = time.monotonic() + DRAINED_WITHIN_SECONDS
    while is_waiting():
        if time.monotonic() > give_up:
            raise RuntimeError("drops were accepted and not processed")
        time.sleep(0.02)


def _in_sqlite(catalog: Path) -> Callable[[], bool]:
    def is_waiting() -> bool:
        with closing(sqlite3.connect(f"file:{catalog}?mode=ro", uri=True)) as connection:
            return connection.execute("SELECT 1 FROM receipts WHERE state = 'new' LIMIT 1").fetchone() is not None

    return is_waiting


def _in_mongo(stores: Mapping[str, str]) -> Callable[[], bool]:
    receipts: Any = MongoClient(stores["DROPMESH_CATALOG"]).get_default_database()["receipts"]
    return lambda: receipts.find_one({"state": "new"}) is not None
