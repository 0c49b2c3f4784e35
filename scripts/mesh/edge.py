"""Runs the edge of a cluster: services are found by name, as in docker compose and Kubernetes."""

from __future__ import annotations

import argparse
import copy
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import yaml

from scripts.edge.config import EdgeConfig
from scripts.edge.folder import as_yaml, envoy_command, write_edge_folder
from scripts.mesh.edge_config import edge_config
from services.common.settings import Settings, SettingsError
from services.common.settings.open_files import allow_open_files
from services.common.settings.reading import load_settings

# Within this time, a share that grows up to all of the answers ask the client to close its connection.
DRAIN_SECONDS = "15"


def main() -> NoReturn:
    """Becomes Envoy."""
    parser = argparse.ArgumentParser(prog="python -m scripts.mesh.edge", description=__doc__)
    parser.add_argument(
        "--at",
        action="append",
        default=[],
        metavar="NAME:PORT=HOST:PORT",
        help="where one is that has no such name; again for each instance",
    )
    places: dict[str, list[str]] = {}
    for named, place in (given.split("=", 1) for given in parser.parse_args().at):
        places.setdefault(named, []).append(place)
    try:
        settings = load_settings()
        allow_open_files(settings)
    except SettingsError as reason:
        sys.exit(f"dropmesh: {reason}")
    folder = settings.data / "edge"
    write_edge_folder(folder, pod_config(settings), "cluster")
    _move(folder / "clusters.yaml", places)
    os.chdir(folder)
    command = envoy_command("--log-level", "warning", "--drain-time-s", DRAIN_SECONDS)
    os.execv(command[0], command)  # noqa: S606 - ours


def pod_config(settings: Settings) -> EdgeConfig:
    """The configuration of an edge in a container: each request is logged, and metrics are read from outside it."""
    metrics = "" if settings.metrics.startswith("unix:") else settings.metrics
    return replace(edge_config(settings), logged_percent=100, metrics=metrics)


def _move(clusters: Path, places: Mapping[str, Sequence[str]]) -> None:
    """Puts addresses in the place of names and ports; a name may stand for several instances."""
    found = yaml.safe_load(clusters.read_text())
    for cluster in found["resources"]:
        for group in cluster["load_assignment"]["endpoints"]:
            group["lb_endpoints"] = [moved for one in group["lb_endpoints"] for moved in _instances(one, places)]
    clusters.write_text(as_yaml(found))


def _instances(one: dict[str, Any], places: Mapping[str, Sequence[str]]) -> Iterator[dict[str, Any]]:
    address = one["endpoint"]["address"]["socket_address"]
    name = address["address"]
    if f"{name}:{address['port_value']}" not in places:
        yield one
    for number, place in enumerate(places.get(f"{name}:{address['port_value']}", ())):
        moved = copy.deepcopy(one)
        host, _, port = place.rpartition(":")
        moved["endpoint"]["address"]["socket_address"] = {"address": host, "port_value": int(port)}
        # Health is asked for at the same address, by its own port.
        if health := moved["endpoint"].get("health_check_config"):
            health["port_value"] = int(places[f"{name}:{health['port_value']}"][number].rpartition(":")[2])
        yield moved


if __name__ == "__main__":
    main()
