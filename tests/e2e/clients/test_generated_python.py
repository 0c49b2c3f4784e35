"""The client that openapi-python-client makes skips nothing, is typed, and does the jobs of docs/api.md."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.mesh import ROOT, Mesh
from tests.support.media_samples import image_bytes

JOBS = Path(__file__).with_name("five_jobs.py")


@pytest.fixture(scope="module")
def judges(tool: Callable[[str], Path]) -> Path:
    """The folder of the programs of the judges' environment."""
    return tool("openapi-python-client").parent


@pytest.fixture(scope="module")
def package(judges: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder of the generated package, and what the generator said."""
    folder = tmp_path_factory.mktemp("generated") / "client"
    document = ROOT / "proto" / "openapi.json"
    command = [judges / "openapi-python-client", "generate", "--path", document, "--output-path", folder]
    environment = {**os.environ, "PATH": f"{judges}{os.pathsep}{os.environ['PATH']}"}
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return folder, ran.stdout + ran.stderr


def test_the_generator_skips_nothing(package: tuple[Path, str]) -> None:
    # One line says where it writes; each thing that it skips is a line more.
    assert len(package[1].strip().splitlines()) == 1, package[1]


def test_its_types_hold(judges: Path, package: tuple[Path, str], tmp_path: Path) -> None:
    folder, _ = package
    script = tmp_path / "jobs.py"
    script.write_bytes(JOBS.read_bytes())
    command = [judges / "python", "-m", "mypy", "--strict", "--cache-dir", tmp_path / "cache", script]
    environment = {**os.environ, "MYPYPATH": str(folder)}
    ran = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout


@pytest.mark.parametrize("stores", ["embedded"], indirect=True, scope="session")
def test_it_does_the_jobs(tokens_mesh: Mesh, judges: Path, package: tuple[Path, str], tmp_path: Path) -> None:
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(image_bytes("jpeg", size=(640, 480)))
    token = tokens_mesh.admin["authorization"].removeprefix("Bearer ")
    command = [judges / "python", JOBS, tokens_mesh.url, token, photo]
    environment = {**os.environ, "PYTHONPATH": str(package[0])}
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ran.stdout == "all jobs done\n"
