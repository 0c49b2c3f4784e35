"""Which code computed a measurement: the version, and a digest of the code that a measurement depends on."""

from __future__ import annotations

import hashlib
from pathlib import Path

VERSION = "0.1.0"
_SERVICES = Path(__file__).resolve().parents[2]


def measurement_code_version() -> str:
    """For example 0.1.0+3f0c2a9b81d4: another digest means that a measurement may come out otherwise."""
    files = [
        _SERVICES / "common" / "base" / "timestamps.py",
        *sorted((_SERVICES / "processor" / "drops" / "parsing").glob("*.py")),
    ]
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
    return f"{VERSION}+{digest[:12]}"
