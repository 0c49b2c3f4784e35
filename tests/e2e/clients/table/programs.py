"""Builds the clients: generated from the contract, compiled with what their languages use."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.mesh import ROOT

HERE = Path(__file__).parent
Find = Callable[[str], Path]
GO_MODULE = "dropmesh.test/clients"


def generated_python(tool: Find, folder: Path) -> tuple[list[str], Path]:
    """The program over the client of openapi-python-client, and the folder of its package."""
    judges = tool("openapi-python-client").parent
    package = folder / "client"
    _run(folder, judges, judges / "openapi-python-client", "generate", "--path", ROOT / "proto" / "openapi.json")
    (made,) = folder.glob("*/dropmesh_client")
    made.parent.rename(package)
    # Not beside the other files, which would be imported in place of the standard library's of the same names.
    script = folder / "program.py"
    shutil.copyfile(HERE / "by_generated_python.py", script)
    return [str(judges / "python"), str(script)], package


def go_program(tool: Find, folder: Path) -> list[str]:
    """The program over the stubs of protoc-gen-go and protoc-gen-go-grpc."""
    if shutil.which("go") is None:
        pytest.skip("needs go: not on the PATH")
    shutil.copytree(HERE / "go", folder, dirs_exist_ok=True)
    plugins = tool("protoc-gen-go").parent, tool("protoc-gen-go-grpc").parent, tool("buf").parent
    _generate(folder, *plugins)
    _run(folder, None, "go", "build", "-mod=mod", "-o", "program", ".")
    return [str(folder / "program")]


def typescript_program(tool: Find, folder: Path) -> list[str]:
    """The program over the stubs of protoc-gen-es, checked by tsc and bundled."""
    modules = tool("protoc-gen-es").parent.parent
    shutil.copytree(HERE / "typescript", folder, dirs_exist_ok=True)
    (folder / "node_modules").symlink_to(modules)
    _generate(folder, modules / ".bin", tool("buf").parent)
    _run(folder, None, modules / ".bin" / "tsc")
    bundle = ("--bundle", "--platform=node", "--format=esm", "--outfile=program.mjs", "--log-level=error")
    banner = "--banner:js=import { createRequire } from 'module'; const require = createRequire(import.meta.url);"
    _run(folder, None, modules / ".bin" / "esbuild", "main.ts", *bundle, banner)
    return [shutil.which("node") or "node", str(folder / "program.mjs")]


def _generate(folder: Path, *path: Path) -> None:
    contract = ROOT / "proto" / "dropmesh.binpb"
    own = ("--path", "dropmesh", "--path", "buf") if (folder / "main.go").exists() else ("--include-imports",)
    _run(folder, os.pathsep.join(map(str, path)), "buf", "generate", contract, *own)


def _run(folder: Path, path: object, *command: str | Path) -> None:
    environment = {**os.environ, "PATH": f"{path}{os.pathsep}{os.environ['PATH']}" if path else os.environ["PATH"]}
    ran = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, f"{' '.join(map(str, command))}\n{ran.stdout}{ran.stderr}"
