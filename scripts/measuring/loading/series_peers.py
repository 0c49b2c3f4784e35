"""Reads of a series beside a plain peer, alone and behind the mesh's own edge; all take turns.

The peer is FastAPI, pandas and SQLite with as many processes as the mesh has services. It checks no token and keeps no
raw bodies.
"""

from __future__ import annotations

import argparse
import http
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Collection
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from scripts.measuring.loading.http_load import send_load
from scripts.measuring.loading.mesh import SERVICES, LoadedMesh, loaded_mesh
from scripts.measuring.loading.plain_references import plain_reference
from scripts.measuring.loading.series_clients import Connection, npy
from scripts.measuring.peer_edge import edge_before

POINTS = 100_000
PATHS = {"summary": "", "metrics": "/metrics", "1,000 points": "/points?max_points=1000"}
REQUESTS = {"summary": 1000, "metrics": 300, "1,000 points": 200}
CONNECTIONS = 8
WARMING = 20
TURNS = 3
# Of several callers beside other work on the same cores, pandas keeps each waiting for long.
PATIENCE_SECONDS = 120.0
GOAL = 2.0


@dataclass(slots=True)
class Contender:
    """A service that answers, and the time that its answers took until now."""

    port: int
    series: str
    cpu_seconds: Callable[[], float]
    wall: float = 0.0
    cpu: float = 0.0

    def ask(self, path: str, requests: int) -> None:
        """Asks so many times."""
        request = f"GET /v1/{self.series}{path} HTTP/1.1\r\nhost: 127.0.0.1:{self.port}\r\n\r\n".encode()
        before = self.cpu_seconds()
        result = send_load(
            self.port,
            [request] * requests,
            per_second=None,
            connections=CONNECTIONS,
            patience_seconds=PATIENCE_SECONDS,
        )
        if result.count(http.HTTPStatus.OK) < requests:
            raise RuntimeError(f"{path} at port {self.port} was answered with {Counter(result.statuses.tolist())}")
        self.wall += result.seconds
        self.cpu += self.cpu_seconds() - before


def compare(mesh: LoadedMesh, turns: int = TURNS, kinds: Collection[str] = tuple(PATHS)) -> list[str]:
    """Prints a table; returns the goals that were missed."""
    missed: list[str] = []
    body = npy(POINTS)
    connection = Connection(mesh.port)
    ours = connection.store(body)
    # What the first series starts is ready then.
    connection.call("GET", f"/v1/{ours}/forecast?horizon=1")
    connection.call("GET", f"/v1/{ours}/metrics")
    with ExitStack() as stack:
        peer = stack.enter_context(plain_reference("series", workers=len(SERVICES)))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="dropmesh-edge-")))
        edge = stack.enter_context(edge_before(peer.port, folder))
        theirs = Connection(peer.port).store(body)
        print(f"beside FastAPI, pandas and SQLite in {len(SERVICES)} processes; a series of {POINTS:,} points")
        for kind in kinds:
            path = PATHS[kind]
            mesh_row = Contender(mesh.port, ours, lambda: sum(mesh.family_cpu_seconds().values()))
            peer_row = Contender(peer.port, theirs, peer.cpu_seconds)
            edge_row = Contender(edge.port, theirs, lambda: peer.cpu_seconds() + edge.cpu_seconds())
            rows = {"the mesh": mesh_row, "peer": peer_row, "peer behind the edge": edge_row}
            for row in rows.values():
                # The first requests import and read what the others find.
                row.ask(path, WARMING)
                row.wall = row.cpu = 0.0
            for turn in range(turns):
                for row in list(rows.values())[:: -1 if turn % 2 else 1]:
                    row.ask(path, REQUESTS[kind])
            for name, row in rows.items():
                asked = turns * REQUESTS[kind]
                rate, cpu = row.wall / mesh_row.wall, mesh_row.cpu / row.cpu
                print(
                    f"  {kind:14}{name:22}{asked / row.wall:>6.0f}/s {1e6 * row.cpu / asked:>6.0f} µs of CPU;"
                    f" the mesh has {rate:.2f} of its rate, {cpu:.2f} of its CPU",
                    flush=True,
                )
            if (ratio := peer_row.wall / mesh_row.wall) < GOAL:
                missed.append(f"{kind}: {ratio:.2f} times the peer's rate, the goal is {GOAL:g}")
    return missed


def main() -> int:
    """Prints the table; fails where a goal is missed."""
    parser = argparse.ArgumentParser(prog="scripts/load series-peers", description=__doc__)
    parser.add_argument("--turns", type=int, default=TURNS, help="of each (%(default)s)")
    parser.add_argument("--kinds", choices=tuple(PATHS), nargs="+", default=tuple(PATHS), help="all if not given")
    arguments = parser.parse_args()
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    with loaded_mesh() as mesh:
        missed = compare(mesh, arguments.turns, arguments.kinds)
    for miss in missed:
        print(f"missed: {miss}")
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main())
