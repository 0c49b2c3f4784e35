"""The variables that the image of the Dockerfile sets."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def image_environment() -> dict[str, str]:
    """The environment that the Dockerfile's last stage sets."""
    text = (ROOT / "Dockerfile").read_text().split("FROM ${BASE}\n")[-1]
    [block] = re.findall(r"^ENV ((?:.*\\\n)*.*)$", text, re.MULTILINE)
    return dict(word.split("=", 1) for word in shlex.split(block.replace("\\\n", " ")))
