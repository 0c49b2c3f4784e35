"""The commands beside scripts/up as a person types them: where they look, and what they say."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.mesh import ROOT


@pytest.mark.parametrize("module", ["up", "down", "token", "statistics", "queue"])
def test_every_command_explains_itself(module):
    ran = subprocess.run(
        [sys.executable, "-m", f"scripts.mesh.{module}", "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert ran.stdout.startswith(f"usage: scripts/{module}")


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (("alice", "--days", "nan"), "argument --days"),
        (("alice", "--days", "1e9"), "argument --days"),
        (("alice", "--days", "soon"), "argument --days"),
        (("sales/alice",), "argument subject: 'sales/alice' holds a slash"),
    ],
)
def test_a_token_that_cannot_be_made_is_explained(folder, wrong, told):
    ran = subprocess.run(
        [sys.executable, "-m", "scripts.mesh.token", "create", *wrong],
        cwd=ROOT,
        env={**os.environ, "DROPMESH_DATA": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 2
    assert told in ran.stderr
    assert "Traceback" not in ran.stderr


@pytest.mark.parametrize(
    "command",
    [
        ("token", "create", "alice"),
        ("token", "list"),
        ("statistics", "check"),
        ("statistics", "recompute"),
        ("queue", "list"),
        ("batch", "verify-objects"),
    ],
)
@pytest.mark.parametrize("is_last", [False, True])
def test_a_folder_that_no_mesh_has_is_told_and_stays_as_it_is(folder, command, is_last):
    name, *words = command
    data = ["--data", str(folder)]
    module = name if name == "batch" else f"scripts.mesh.{name}"
    ran = subprocess.run(
        [sys.executable, "-m", module, *([*words, *data] if is_last else [*data, *words])],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 1
    command = "batch verify-objects" if name == "batch" else name
    assert f"scripts/{command}: {folder}/catalog.sqlite does not exist" in ran.stderr
    assert list(folder.iterdir()) == []


def test_a_relative_folder_counts_from_where_a_command_is_typed(folder):
    if not (Path(sys.prefix) / ".dropmesh-runtime").exists():
        pytest.skip("needs scripts/up: this virtual environment is not its own")
    # Nothing there is taken for a part of the product.
    (folder / "scripts").mkdir()
    (folder / "scripts" / "__init__.py").touch()
    for given, environment in ((["--data", "mesh"], {}), ([], {"DROPMESH_DATA": "mesh"})):
        ran = subprocess.run(
            [str(ROOT / "scripts" / "down"), *given],
            cwd=folder,
            env={**os.environ, "DROPMESH_VENV": os.path.relpath(sys.prefix, folder), **environment},
            capture_output=True,
            text=True,
            check=True,
        )
        assert ran.stdout == f"no mesh has run on {folder}/mesh\n"


def test_a_mesh_that_never_ran_can_be_stopped(folder):
    ran = subprocess.run(
        [sys.executable, "-m", "scripts.mesh.down", "--data", str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout == f"no mesh has run on {folder}\n"
