"""The command behind scripts/check: style, types, contract, build products, edge and cluster configuration."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from scripts.contract.annotations import missing_annotations
from scripts.contract.method_errors import METHODS
from scripts.lib.compose import FILES, ComposeInvalid, read_compose
from scripts.lib.contract_image import contract_image
from scripts.lib.document_rules import broken_document_rules
from scripts.lib.kubernetes.faults import overlay_faults
from scripts.lib.kubernetes.overlays import ADDED, OVERLAYS, OverlayInvalid, render, unused_components
from scripts.lib.rooms import broken_rules
from scripts.lib.words import dialect_in
from scripts.lib.workflows import workflow_faults
from tests.servers.tools import Missing, find_tool

ROOT = Path(__file__).resolve().parents[2]
PYTHON_FOLDERS = ("services", "scripts", "client", "batch")
CONTRACT = ("--path", "dropmesh/v1", "--config", "buf.yaml")


class Failed(Exception):
    """A check found something; its text is what the tool said."""


def main() -> int:
    """Runs the named checks, or all, and says of each whether it passed, failed or was left out."""
    parser = argparse.ArgumentParser(prog="scripts/check", description=__doc__)
    parser.add_argument("--require-all", action="store_true", help="leaving out a check fails the run")
    parser.add_argument("names", nargs="*", metavar="CHECK", help=f"only these of: {', '.join(CHECKS)}")
    arguments = parser.parse_args()
    unknown = set(arguments.names) - set(CHECKS)
    if unknown:
        parser.error(f"no such check: {', '.join(sorted(unknown))}")
    failed, left_out = [], []
    for name in arguments.names or CHECKS:
        began = time.monotonic()
        try:
            CHECKS[name]()
        except Failed as failure:
            failed.append(name)
            print(f"{name:12} FAILED\n{failure}", flush=True)
        except Missing as missing:
            left_out.append(name)
            print(f"{name:12} left out: {missing}", flush=True)
        else:
            print(f"{name:12} ok ({time.monotonic() - began:.0f} s)", flush=True)
    if left_out and arguments.require_all:
        print(f"--require-all: leaving out {', '.join(left_out)} is a failure", flush=True)
    return 1 if failed or (left_out and arguments.require_all) else 0


def check_format() -> None:
    """Every Python file is as ruff formats it."""
    _python("ruff", "format", "--check", "--output-format", "concise", "--quiet", ".")


def check_lint() -> None:
    """Ruff finds nothing."""
    _python("ruff", "check", "--output-format", "concise", "--quiet", ".")


def check_types() -> None:
    """Mypy finds nothing, in its strict mode."""
    _python("mypy", *PYTHON_FOLDERS, "--no-error-summary")


def check_rooms() -> None:
    """Folders of services/ keep apart, and a unit test stands where its module stands."""
    if found := broken_rules(ROOT):
        raise Failed("\n".join(found))


def check_words() -> None:
    """Pages, comments, docstrings and errors are in plain words."""
    if found := dialect_in(ROOT):
        raise Failed("\n".join([*map(str, found), f"{len(found)} places"]))


def check_workflows() -> None:
    """The hosted workflows are valid, and the commands of ours that they run have their options."""
    if found := workflow_faults(ROOT):
        raise Failed("\n".join(found))
    _run(find_tool("actionlint"), "-no-color", *sorted((ROOT / ".github" / "workflows").glob("*.yml")))


def check_contract() -> None:
    """The contract keeps buf's rules, and has the annotations that generators of clients read."""
    if found := missing_annotations(METHODS.values()):
        raise Failed("\n".join(found))
    with tempfile.TemporaryDirectory() as folder:
        _run(find_tool("buf"), "lint", contract_image(Path(folder)), *CONTRACT)


def check_breaking() -> None:
    """The contract breaks no client of the one on main (DROPMESH_BASE names another commit)."""
    base, before = _descriptors_of_base()
    with tempfile.TemporaryDirectory() as folder:
        against = Path(folder) / "before.binpb"
        against.write_bytes(before)
        try:
            _run(find_tool("buf"), "breaking", contract_image(Path(folder)), "--against", against, *CONTRACT)
        except Failed as failure:
            raise Failed(f"compared with {base}:\n{failure}") from None


def check_generated() -> None:
    """Stubs, descriptor set and OpenAPI document are what the contract says."""
    _python("scripts.contract.generate", "--check")


def check_document() -> None:
    """The OpenAPI document keeps every recommended rule of two linters."""
    if found := broken_document_rules(ROOT / "proto" / "openapi.json"):
        raise Failed("\n".join([*found[:50], f"{len(found)} problems"]))


def check_edge() -> None:
    """The edge's configuration is what its one source says, and Envoy itself takes it."""
    _python("scripts.edge", "--check")


def check_kubernetes() -> None:
    """Every overlay renders, keeps its schemas and pod security `restricted`, and its programs would start."""
    faults = [f"no overlay is checked with the component {name}" for name in unused_components()]
    for name in OVERLAYS:
        for components in ((), ADDED):
            try:
                faults += overlay_faults(render(name, components))
            except OverlayInvalid as invalid:
                faults.append(str(invalid))
    if faults:
        raise Failed("\n".join(dict.fromkeys(faults)))


def check_compose() -> None:
    """Both compose files keep the compose specification, and the mesh's has no password of its own."""
    passwords = dict.fromkeys(("MONGO_PASSWORD", "S3_PASSWORD", "RABBITMQ_PASSWORD"), "set")
    try:
        for file in FILES:
            read_compose(file, passwords)
    except ComposeInvalid as invalid:
        raise Failed(str(invalid)) from None
    with suppress(ComposeInvalid):
        read_compose(FILES[0], {})
        raise Failed(f"{FILES[0]} starts without a password in .env")


CHECKS: dict[str, Callable[[], None]] = {
    "format": check_format,
    "lint": check_lint,
    "types": check_types,
    "rooms": check_rooms,
    "words": check_words,
    "contract": check_contract,
    "breaking": check_breaking,
    "generated": check_generated,
    "document": check_document,
    "edge": check_edge,
    "kubernetes": check_kubernetes,
    "workflows": check_workflows,
    "compose": check_compose,
}


def _descriptors_of_base() -> tuple[str, bytes]:
    bases = [os.environ["DROPMESH_BASE"]] if os.environ.get("DROPMESH_BASE") else ["origin/main", "main"]
    for base in bases:
        found = subprocess.run(
            ["git", "show", f"{base}:proto/dropmesh.binpb"], cwd=ROOT, capture_output=True, check=False
        )
        if found.returncode == 0:
            return base, found.stdout
    raise Missing("an earlier contract", f"no proto/dropmesh.binpb in {' or '.join(bases)}")


def _python(module: str, *arguments: str) -> str:
    return _run(sys.executable, "-m", module, *arguments)


def _run(*command: str | Path) -> str:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Failed((done.stdout + done.stderr).rstrip())
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
