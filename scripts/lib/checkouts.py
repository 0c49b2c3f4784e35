"""Other versions of this repository, run with the packages that this checkout has installed."""

from __future__ import annotations

import io
import subprocess
import tarfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def export(commit: str, folder: Path) -> Path:
    """Writes the files of a commit into a new folder, and returns it."""
    packed = subprocess.run(
        ["git", "archive", "--format=tar", commit], cwd=ROOT, check=True, capture_output=True
    ).stdout
    folder.mkdir()
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        archive.extractall(folder, filter="data")
    return folder


def python_path(root: Path) -> str:
    """PYTHONPATH of a checkout: its modules come before those of the one whose environment runs them."""
    return ":".join(str(root / folder) for folder in ("", "proto/python", "client"))
