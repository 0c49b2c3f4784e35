"""`deface` from PyPI, in a virtual environment of its own outside the checkout."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

PACKAGES = ("deface==1.5.0", "onnx", "onnxruntime")
"""It runs its model with ONNX Runtime where it finds `onnx` as well, else with OpenCV."""


def installed_deface() -> Path:
    """The command `deface`; made once, in the user's cache."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "dropmesh" / "deface-with-onnx"
    command = folder / "bin" / "deface"
    if not command.is_file():
        print(f"Installing {' and '.join(PACKAGES)} into {folder}, once…", flush=True)
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        subprocess.run([str(folder / "bin" / "pip"), "install", "-q", *PACKAGES], check=True)
    return command
