"""Writes the edge's configuration for clusters from its one source, or says that the committed one is older."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from scripts.edge.binary import envoy_binary
from scripts.edge.config import World
from scripts.edge.render import render
from scripts.edge.routes import SERVICES

ROOT = Path(__file__).resolve().parents[2]
COMMITTED = ROOT / "envoy" / "cluster.json"
DESCRIPTORS = ROOT / "proto" / "dropmesh.binpb"
PORT = 9000
METRICS_PORT = 9100


def cluster() -> World:
    """Docker compose and Kubernetes, where services are found by name; a laptop's is rendered by scripts/up."""
    return World(
        listen="0.0.0.0:8080",
        operations="0.0.0.0:8081",
        upstreams={service: f"{service}:{PORT}" for service in SERVICES},
        metrics={service: f"{service}:{METRICS_PORT}" for service in SERVICES},
        descriptors="/etc/envoy/dropmesh.binpb",
    )


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m scripts.edge", description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; fail when it is out of date or not valid")
    text = _text(cluster())
    if not parser.parse_args().check:
        COMMITTED.write_text(text)
        return 0
    if not COMMITTED.exists() or COMMITTED.read_text() != text:
        print(f"envoy/{COMMITTED.name} is not what its source says: run python -m scripts.edge", file=sys.stderr)
        return 1
    return 0 if _valid(_text(replace(cluster(), descriptors=str(DESCRIPTORS)))) else 1


def _text(world: World) -> str:
    return json.dumps(render(world), indent=1) + "\n"


def _valid(text: str) -> bool:
    """Whether Envoy itself takes the configuration."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        file.write(text)
        file.flush()
        command = (str(envoy_binary()), "--mode", "validate", "-c", file.name, "--log-level", "error")
        return subprocess.run(command, check=False).returncode == 0


if __name__ == "__main__":
    sys.exit(main())
