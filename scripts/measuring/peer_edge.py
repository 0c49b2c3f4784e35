"""The mesh's own Envoy before a plain peer: a service that needs an edge pays for its hop."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from scripts.edge.config import EdgeConfig
from scripts.edge.direct_reads import FOR_GRPC, OFF
from scripts.edge.folder import as_yaml, envoy_command, write_edge_folder
from scripts.edge.raw_bodies import CLUSTER
from scripts.measuring.families import cpu_of_family
from scripts.measuring.loading.mesh import free_port_pair, listens

STARTED_WITHIN_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class PeerEdge:
    """An edge that runs."""

    port: int
    process: int

    def cpu_seconds(self) -> float:
        """The CPU time that it has used."""
        return cpu_of_family(self.process)


@contextmanager
def edge_before(peer_port: int, folder: Path) -> Iterator[PeerEdge]:
    """Starts an edge that sends every request to a peer on this machine, and stops it afterwards."""
    port = free_port_pair()
    write_peer_edge(folder, port)
    clusters = yaml.safe_load((folder / "clusters.yaml").read_text())
    place = {"socket_address": {"address": "127.0.0.1", "port_value": peer_port}}
    for cluster in clusters["resources"]:
        if cluster["name"] == CLUSTER:
            cluster["load_assignment"]["endpoints"] = [{"lb_endpoints": [{"endpoint": {"address": place}}]}]
    (folder / "clusters.yaml").write_text(as_yaml(clusters))
    with (folder / "edge.log").open("wb") as log:
        edge = subprocess.Popen(envoy_command("--log-level", "error"), cwd=folder, stdout=log, stderr=log)
    try:
        give_up = time.monotonic() + STARTED_WITHIN_SECONDS
        while not listens(port):
            if time.monotonic() > give_up or edge.poll() is not None:
                raise RuntimeError(f"the edge did not start:\n{(folder / 'edge.log').read_text()[-2000:]}")
            time.sleep(0.1)
        yield PeerEdge(port, edge.pid)
    finally:
        edge.terminate()
        edge.wait(30)


def write_peer_edge(folder: Path, port: int) -> None:
    """Makes the folder of an edge that sends every request to the place of ingest's HTTP door."""
    addresses = (f"127.0.0.1:{port}", f"127.0.0.1:{port + 1}")
    write_edge_folder(folder, EdgeConfig(*addresses, requests_per_second=1_000_000))
    (folder / "routes.yaml").write_text(as_yaml(_one_route()))


def _one_route() -> dict[str, Any]:
    """All requests go to the peer, past the filters that only gRPC needs, as the mesh's own reads do."""
    route = {
        "match": {"prefix": "/"},
        "route": {"cluster": CLUSTER, "timeout": "30s"},
        "typed_per_filter_config": dict.fromkeys(FOR_GRPC, OFF),
    }
    resource = {
        "@type": "type.googleapis.com/envoy.config.route.v3.RouteConfiguration",
        "name": "edge",
        "virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [route]}],
    }
    return {"resources": [resource]}
