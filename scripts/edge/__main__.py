"""Writes envoy/routes.yaml from the contract; with --check, says whether it is current and Envoy takes every world."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml

from scripts.edge.config import EdgeConfig
from scripts.edge.folder import ENVOY, as_yaml, copy_edge_files, envoy_command, write_edge_folder
from scripts.edge.virtual_hosts import route_configuration

HEAD = "# Generated from the contract by scripts/generate; do not edit.\n"
ROUTES = ENVOY / "routes.yaml"


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m scripts.edge", description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; fail when it is out of date or not valid")
    text = HEAD + as_yaml(route_configuration())
    if not parser.parse_args().check:
        ROUTES.write_text(text)
        return 0
    if not ROUTES.exists() or ROUTES.read_text() != text:
        print("envoy/routes.yaml is not what the contract says: run scripts/generate", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for world in sorted(path.stem for path in (ENVOY / "clusters").glob("*.yaml")):
            copy_edge_files(folder / world, world)
        # As scripts/up writes it, in mode open.
        config = EdgeConfig("127.0.0.1:8080", "127.0.0.1:8081", hosts=("localhost",))
        write_edge_folder(folder / "up", config)
        valid = [_is_valid(path) for path in sorted(folder.iterdir())]
        return 0 if all(valid) else 1


def _is_valid(folder: Path) -> bool:
    """Whether Envoy takes the configuration as it stands, and with the files that it refers to put into it.

    Validating, Envoy does not open what path_config_source names.
    """
    if not _envoy_takes(folder):
        return False
    edge = yaml.safe_load((folder / "envoy.yaml").read_text())
    del edge["dynamic_resources"]
    edge["static_resources"]["clusters"] = [_without_type(one) for one in _resources(folder / "clusters.yaml")]
    manager = edge["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
    del manager["rds"]
    (routes,) = _resources(folder / "routes.yaml")
    manager["route_config"] = _without_type(routes)
    (folder / "envoy.yaml").write_text(as_yaml(edge))
    return _envoy_takes(folder)


def _envoy_takes(folder: Path) -> bool:
    command = envoy_command("--mode", "validate", "--log-level", "error")
    done = subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True)
    if done.returncode != 0:
        print(f"the edge's world {folder.name} is not valid:\n{done.stdout}{done.stderr}", file=sys.stderr)
    return done.returncode == 0


def _resources(file: Path) -> list[Any]:
    return list(yaml.safe_load(file.read_text())["resources"])


def _without_type(resource: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in resource.items() if name != "@type"}


if __name__ == "__main__":
    sys.exit(main())
