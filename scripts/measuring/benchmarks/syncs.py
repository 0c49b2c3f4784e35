"""Counts the durable syncs of processes by a small library that is loaded before others; needs a C compiler."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

SOURCE = Path(__file__).with_name("count_syncs.c")


@dataclass(frozen=True, slots=True)
class SyncCount:
    """The syncs of the processes that were started with `environment`."""

    file: Path
    environment: dict[str, str]

    @property
    def count(self) -> int | None:
        """How many there were until now; None where they are not counted."""
        if not self.environment:
            return None
        return self.file.stat().st_size if self.file.exists() else 0


def sync_count(folder: Path, name: str) -> SyncCount:
    """A new count, in a folder that outlives the processes."""
    compiler = shutil.which("cc")
    library, file = folder / "count_syncs.so", folder / f"{name}.syncs"
    if compiler is None:
        return SyncCount(file, {})
    if not library.exists():
        subprocess.run([compiler, "-shared", "-fPIC", "-O2", "-o", str(library), str(SOURCE), "-ldl"], check=True)
    return SyncCount(file, {"LD_PRELOAD": str(library), "COUNT_SYNCS": str(file)})
