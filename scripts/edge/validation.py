"""Whether the real Envoy takes the folder of an edge."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from scripts.edge.folder import as_yaml, envoy_command


def is_valid(folder: Path) -> bool:
    """Whether Envoy takes the configuration as it stands, and with the files that it refers to put into it.

    Validating, Envoy does not open what path_config_source names.
    """
    if not _envoy_takes(folder):
        return False
    edge = yaml.safe_load((folder / "envoy.yaml").read_text())
    del edge["dynamic_resources"]
    edge["static_resources"]["clusters"] += [_without_type(one) for one in _resources(folder / "clusters.yaml")]
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
