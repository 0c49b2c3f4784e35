"""An edge that sends gRPC to the gRPC servers, where the mesh's own sends requests to the doors: to compare both."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

import yaml

from scripts.edge.config import EdgeConfig
from scripts.edge.folder import as_yaml, write_edge_folder

Config = dict[str, Any]


def write_transcoding_edge(folder: Path, port: int, *, without: Collection[str], tokens: bool = False) -> None:
    """Makes the folder of an edge that has no REST routes to some clusters, beside the sockets of the services."""
    addresses = (f"127.0.0.1:{port}", f"127.0.0.1:{port + 1}")
    config = EdgeConfig(*addresses, requests_per_second=1_000_000, tokens=tokens)
    write_edge_folder(folder, config)
    routes = yaml.safe_load((folder / "routes.yaml").read_text())
    (known,) = routes["resources"][0]["virtual_hosts"]
    for group in known["matcher"]["matcher_tree"]["prefix_match_map"]["map"].values():
        listed = group["action"]["typed_config"]["routes"]
        kept = [one for one in listed if _is_grpc(one) or one.get("route", {}).get("cluster") not in without]
        listed[:] = map(_to_grpc_server, kept)
    (folder / "routes.yaml").write_text(as_yaml(routes))
    clusters = yaml.safe_load((folder / "clusters.yaml").read_text())
    for cluster in clusters["resources"]:
        # The mesh's own edge asks, and a plain service could not answer.
        cluster.pop("health_checks", None)
    (folder / "clusters.yaml").write_text(as_yaml(clusters))


def _is_grpc(route: Config) -> bool:
    return str(route["match"].get("path", "")).startswith("/dropmesh.v1.")


def _to_grpc_server(route: Config) -> Config:
    if not _is_grpc(route):
        return route
    return {**route, "route": {**route["route"], "cluster": route["route"]["cluster"].removesuffix("_http")}}
