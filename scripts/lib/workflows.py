"""Whether the commands of this repository that the hosted workflows run exist and take their options."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

WORKFLOWS = Path(".github") / "workflows"
ENDS = frozenset({"&&", "||", ";", "|"})
# The script's last line becomes a Python program, which explains its options.
_PYTHON = re.compile(r"^exec .* -m ", re.MULTILINE)
_SUBCOMMAND = re.compile(r"[a-z][a-z-]*")

Help = Callable[[Sequence[str]], str]


def workflow_faults(root: Path, help_of: Help | None = None) -> list[str]:
    """Each command or path that is not there, and each option that its command does not have."""
    found = []
    for file in sorted((root / WORKFLOWS).glob("*.yml")):
        for line in _lines(yaml.safe_load(file.read_text())):
            for command in _commands(line):
                faults = _faults(root, command, help_of or (lambda words: help_text(root, words)))
                found += [f"{file.name}: {' '.join(command)}: {fault}" for fault in faults]
    return found


def help_text(root: Path, words: Sequence[str]) -> str:
    """The options of a command of ours, as it explains them."""
    done = subprocess.run([*words, "--help"], cwd=root, capture_output=True, text=True, check=False)
    return done.stdout if done.returncode == 0 else ""


def _lines(workflow: dict[str, Any]) -> Iterator[str]:
    for job in workflow["jobs"].values():
        for step in job.get("steps", ()):
            yield from step.get("run", "").replace("\\\n", " ").splitlines()


def _commands(line: str) -> Iterator[list[str]]:
    command: list[str] = []
    for word in [*shlex.split(line), ";"]:
        if word in ENDS:
            if any(_is_ours(one) for one in command):
                yield command
            command = []
        else:
            command.append(word)


def _is_ours(word: str) -> bool:
    return word.startswith(("scripts/", "./", "proto/"))


def _faults(root: Path, command: Sequence[str], help_of: Help) -> Iterator[str]:
    words = list(command[1:] if command[0] == "sudo" else command)
    yield from (f"there is no {word}" for word in words if _is_ours(word) and not (root / word).exists())
    script = root / words[0]
    if not words[0].startswith("scripts/") or not script.is_file():
        return
    options = [word.partition("=")[0] for word in words[1:] if word.startswith("-")]
    text = script.read_text()
    if _PYTHON.search(text):
        first = words[1:2] if words[1:] and _SUBCOMMAND.fullmatch(words[1]) else []
        text = help_of([words[0], *first])
        if first and not text:
            yield f"it has no command {first[0]}"
    yield from (f"it has no option {option}" for option in options if not re.search(rf"{option}(?![\w-])", text))
