"""`deface` from PyPI, in a virtual environment of its own outside the checkout."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

PACKAGES = ("deface==1.5.0", "onnx", "onnxruntime")
"""It runs its model with ONNX Runtime where it finds `onnx` as well, else with OpenCV."""


def deface_python() -> Path | None:
    """The Python that has `deface`, where `installed_deface` has installed it."""
    python = _folder() / "bin" / "python"
    return python if (_folder() / "bin" / "deface").is_file() else None


def installed_deface() -> Path:
    """The command `deface`; made once, in the user's cache."""
    folder = _folder()
    command = folder / "bin" / "deface"
    if not command.is_file():
        print(f"Installing {' and '.join(PACKAGES)} into {folder}, once…", flush=True)
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        subprocess.run([str(folder / "bin" / "pip"), "install", "-q", *PACKAGES], check=True)
    return command


def _folder() -> Path:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "dropmesh" / "deface-with-onnx"
