"""Runs the edge of a cluster: services are found by name, as in docker compose and Kubernetes."""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import replace
from typing import NoReturn

from scripts.edge.__main__ import DESCRIPTORS, cluster
from scripts.edge.binary import envoy_binary
from scripts.edge.render import render
from services.common.settings import SettingsError, load_settings


def main() -> NoReturn:
    """Becomes Envoy."""
    parser = argparse.ArgumentParser(prog="python -m scripts.mesh.edge", description=__doc__)
    parser.add_argument("--at", action="append", default=[], metavar="SERVICE=HOST:PORT", help="one that has no name")
    named = dict(place.split("=", 1) for place in parser.parse_args().at)
    try:
        settings = load_settings()
    except SettingsError as reason:
        sys.exit(f"dropmesh: {reason}")
    world = replace(
        cluster(),
        listen=f"{settings.edge_host}:{settings.edge_port}",
        operations=f"127.0.0.1:{settings.operations_port}",
        upstreams={**cluster().upstreams, **named},
        descriptors=str(DESCRIPTORS),
    )
    config = settings.data / "edge.json"
    config.write_text(json.dumps(render(world)))
    envoy = str(envoy_binary())
    os.execv(envoy, [envoy, "-c", str(config), "--log-level", "warning", "--concurrency", "2"])  # noqa: S606 - ours


if __name__ == "__main__":
    main()
