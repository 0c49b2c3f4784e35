"""An edge that turns into gRPC what the mesh's own sends to an HTTP door: to compare both ways."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import yaml

from scripts.edge.config import EdgeConfig
from scripts.edge.folder import as_yaml, write_edge_folder


def write_transcoding_edge(folder: Path, port: int, *, without: Collection[str], tokens: bool = False) -> None:
    """Makes the folder of an edge that has no routes to some clusters, beside the sockets of the services."""
    addresses = (f"127.0.0.1:{port}", f"127.0.0.1:{port + 1}")
    config = EdgeConfig(*addresses, requests_per_second=1_000_000, tokens=tokens)
    write_edge_folder(folder, config)
    routes = yaml.safe_load((folder / "routes.yaml").read_text())
    (known,) = routes["resources"][0]["virtual_hosts"]
    for group in known["matcher"]["matcher_tree"]["prefix_match_map"]["map"].values():
        listed = group["action"]["typed_config"]["routes"]
        listed[:] = [one for one in listed if one.get("route", {}).get("cluster") not in without]
    (folder / "routes.yaml").write_text(as_yaml(routes))
