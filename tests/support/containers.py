"""Programs of the image run as processes, as a container would run them: their command, environment and volumes.

What containers would give is played: names of hosts, paths of volumes, and the image's own environment.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from scripts.lib.checkouts import python_path
from scripts.lib.image_environment import image_environment
from services.common.settings import Settings
from tests.servers.process import leashed
from tests.support.classify_dir import ROOT

STOPPED_WITHIN_SECONDS = 20


@dataclass(frozen=True)
class Program:
    """A program as compose or Kubernetes declares it; each volume has its path, and the folder that stands for it."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    volumes: Mapping[str, Path]


@dataclass
class Containers:
    """Starts programs; `hosts` are what stands for an address or a path, in the order of looking."""

    folder: Path
    hosts: Mapping[str, str]
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    root: Path = ROOT
    """The checkout whose programs run, with the packages of this one."""
    _environments: dict[str, Mapping[str, str]] = field(default_factory=dict)

    def start(self, program: Program, *more: str, listen: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
        """Starts a program; `more` goes to the end of its command."""
        require_places(program)
        for place in program.volumes.values():
            place.mkdir(exist_ok=True)
        played = {**{path: str(place) for path, place in program.volumes.items()}, **self.hosts, **(listen or {})}
        environment = {**image_environment(), **program.environment}
        environment = {key: self._played(value, played) for key, value in environment.items()}
        # The image is compiled when it is built; here bytecode is kept as usual.
        environment.pop("PYTHONDONTWRITEBYTECODE")
        environment |= {"PATH": f"{self._programs()}:/usr/bin:/bin", "PYTHONPATH": python_path(self.root)}
        environment["COVERAGE_FILE"] = str(self.folder / "coverage")
        self._environments[program.name] = environment
        command = [self._played(word, played) for word in (*program.command, *more)]
        self.running[program.name] = self._spawn(program.name, command, environment)
        return self.running[program.name]

    def beside(self, name: str, command: Sequence[str]) -> subprocess.Popen[bytes]:
        """Starts a command in a program's container; its log has the name of both."""
        return self._spawn(f"{name}-{command[2]}", command, self._environments[name])

    def log(self, name: str) -> str:
        """What a program has printed."""
        return self._log(name).read_text()

    def stop(self) -> None:
        """Stops every program that still runs."""
        for process in self.running.values():
            process.terminate()
        for process in self.running.values():
            try:
                process.wait(STOPPED_WITHIN_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _spawn(self, name: str, command: Sequence[str], environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
        with self._log(name).open("ab") as log:
            return subprocess.Popen(leashed(command), cwd=self.root, env=environment, stdout=log, stderr=log)

    def _log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def _programs(self) -> Path:
        """The image's commands: its Python, and the command line."""
        folder = self.folder / "bin"
        if not folder.exists():
            folder.mkdir()
            for name, command in (("python", sys.executable), ("dropmesh", f"{sys.executable} -m dropmesh.cli")):
                (folder / name).write_text(f'#!/bin/sh\nexec {command} "$@"\n')
                (folder / name).chmod(0o755)
        return folder

    @staticmethod
    def _played(text: str, played: Mapping[str, str]) -> str:
        for what, stands in played.items():
            before = r"(?<![\w./-])" if what.startswith("/") else ""
            text = re.sub(rf"{before}{re.escape(what)}(?![\w-])", stands, text)
        return text


def require_places(program: Program) -> None:
    """Every path that a variable names lies in a volume of the program, and every variable is known."""
    targets = tuple(program.volumes)
    for variable, value in program.environment.items():
        if variable.startswith("DROPMESH_") and not variable.startswith("DROPMESH_CLASSIFY_"):
            assert variable.removeprefix("DROPMESH_").lower() in Settings.model_fields, f"{program.name}: {variable}"
        if variable.startswith("DROPMESH_") and value.startswith("/"):
            assert value.startswith(targets), f"{program.name}: {variable} is {value}, which is no volume"


@contextmanager
def containers(folder: Path, hosts: Mapping[str, str]) -> Iterator[Containers]:
    """Programs that are stopped at the end."""
    played = Containers(folder, hosts)
    try:
        yield played
    finally:
        played.stop()
