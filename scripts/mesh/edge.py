"""Runs the edge of a cluster: services are found by name, as in docker compose and Kubernetes."""

from __future__ import annotations

import argparse
import os
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

from scripts.edge.folder import envoy_command, write_edge_folder
from scripts.mesh.drain_edge import ADMIN_SOCKET
from scripts.mesh.edge_config import edge_config
from services.common.settings import SettingsError, load_settings

# Only programs of this container reach it.
ADMIN = f"admin: {{ address: {{ pipe: {{ path: ./{ADMIN_SOCKET}, mode: 384 }} }} }}"
# Within this time, a share that grows up to all of the answers ask the client to close its connection.
DRAIN_SECONDS = "15"


def main() -> NoReturn:
    """Becomes Envoy."""
    parser = argparse.ArgumentParser(prog="python -m scripts.mesh.edge", description=__doc__)
    parser.add_argument(
        "--at", action="append", default=[], metavar="NAME:PORT=HOST:PORT", help="where one is that has no such name"
    )
    places = [place.split("=", 1) for place in parser.parse_args().at]
    try:
        settings = load_settings()
    except SettingsError as reason:
        sys.exit(f"dropmesh: {reason}")
    folder = settings.data / "edge"
    write_edge_folder(folder, replace(edge_config(settings), logged_percent=100), "cluster")
    for named, place in places:
        _move(folder / "clusters.yaml", named, place)
    os.chdir(folder)
    command = envoy_command("--log-level", "warning", "--drain-time-s", DRAIN_SECONDS, "--config-yaml", ADMIN)
    os.execv(command[0], command)  # noqa: S606 - ours


def _move(clusters: Path, named: str, place: str) -> None:
    """Puts an address in the place of a name and a port."""
    name, port = named.split(":")
    host, _, its_port = place.rpartition(":")
    text = clusters.read_text()
    text = re.sub(
        rf"address: {re.escape(name)}, port_value: {port}\b", f"address: {host}, port_value: {its_port}", text
    )
    # Health is asked for at the same address, by its own port.
    clusters.write_text(re.sub(rf"(health_check_config: {{ port_value: ){port}\b", rf"\g<1>{its_port}", text))


if __name__ == "__main__":
    main()
