"""A virtual environment of its own for what the measurements compare with, so that it never meets the product's."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
LOCK = ROOT / "requirements" / "references.txt"


def reference_python() -> Path:
    """The Python that has FastAPI and uvicorn; installed once, in the cache."""
    cache = Path(os.environ.get("DROPMESH_CACHE") or Path.home() / ".cache" / "dropmesh")
    folder = cache / f"references-{hashlib.sha256(LOCK.read_bytes()).hexdigest()[:12]}"
    python = folder / "bin" / "python"
    stamp = folder / "installed"
    if not stamp.exists():
        print(f"installing FastAPI and uvicorn into {folder}…", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", "--require-hashes", "-r", str(LOCK)], check=True)
        stamp.touch()
    return python
