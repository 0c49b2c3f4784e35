"""docs/clients.md by hand: the files of a language in one folder, then its lines in one shell."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.mesh import ROOT, Mesh

PAGE = (ROOT / "docs" / "clients.md").read_text()
SECTIONS = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL))
BLOCK = re.compile(r"```(\w+)\n(.*?)```", re.DOTALL)


def section(word: str) -> str:
    return next(text for title, text in SECTIONS.items() if title.startswith(word))


@pytest.mark.parametrize("stores", ["embedded"], indirect=True, scope="session")
@pytest.mark.parametrize(("language", "program", "calls"), [("Go", "go", 1), ("TypeScript", "npm", 2)])
def test_the_first_call_works_when_pasted(
    tokens_mesh: Mesh, tool: Callable[[str], Path], tmp_path: Path, language: str, program: str, calls: int
) -> None:
    if shutil.which(program) is None:
        pytest.skip(f"needs {program}: not on the PATH")
    lines = ["set -e"]
    for kind, text in BLOCK.findall(section(language)):
        if kind == "sh":
            lines.append(text)
        else:
            first, _, rest = text.partition("\n")
            (tmp_path / first.lstrip("#/ ")).write_text(rest if kind == "json" else text)
    token = tokens_mesh.admin["authorization"].removeprefix("Bearer ")
    environment = {
        **os.environ,
        "PATH": f"{tool('buf').parent}{os.pathsep}{os.environ['PATH']}",
        "CHECKOUT": str(ROOT),
        "ADDRESS": tokens_mesh.address,
        "TOKEN": token,
    }
    ran = subprocess.run(
        ["bash", "-c", "\n".join(lines)], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ran.stdout.split()[-2 * calls :] == ["1", "MEDIA_NOT_FOUND"] * calls
