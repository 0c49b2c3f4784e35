"""Writes the edge's files from the contract; with --check, says if they are current and Envoy takes every world."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from scripts.edge.config import EdgeConfig
from scripts.edge.folder import ENVOY, as_yaml, copy_edge_files, write_edge_folder
from scripts.edge.json_fields import json_fields
from scripts.edge.routes import json_bodies
from scripts.edge.validation import is_valid
from scripts.edge.virtual_hosts import route_configuration

HEAD = "# Generated from the contract by scripts/generate; do not edit.\n"


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m scripts.edge", description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; fail when it is out of date or not valid")
    files = {
        ENVOY / "routes.yaml": HEAD + as_yaml(route_configuration(tokens=True)),
        ENVOY / "json_fields.lua": json_fields(json_bodies().values()),
    }
    if not parser.parse_args().check:
        for file, text in files.items():
            file.write_text(text)
        return 0
    stale = [file.name for file, text in files.items() if not file.exists() or file.read_text() != text]
    if stale:
        print(f"not what the contract says: envoy/{', envoy/'.join(stale)}; run scripts/generate", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for world in sorted(path.stem for path in (ENVOY / "clusters").glob("*.yaml")):
            copy_edge_files(folder / world, world)
        # As scripts/up writes it, in mode open.
        config = EdgeConfig("127.0.0.1:8080", "127.0.0.1:8081", hosts=("localhost",))
        write_edge_folder(folder / "up", config)
        valid = [is_valid(path) for path in sorted(folder.iterdir())]
        return 0 if all(valid) else 1


if __name__ == "__main__":
    sys.exit(main())
