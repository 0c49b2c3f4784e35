"""Renders the sample photo of a data folder: python -m scripts.mesh.sample DATA."""

from __future__ import annotations

import sys
from pathlib import Path

from scripts.mesh.sample import ensure_sample

ensure_sample(Path(sys.argv[1]))
