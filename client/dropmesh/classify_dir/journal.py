"""The log of a run: one readable line for each step."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class Journal:
    """Appends lines such as `2026-05-01 10:00:00.123  sent      cats/1.jpg  attempt 1`."""

    def __init__(self, path: Path, now: Callable[[], datetime]) -> None:
        self._file = path.open("a", encoding="utf-8", errors="backslashreplace", buffering=1)
        self._now = now

    def write(self, step: str, subject: str, detail: str = "") -> None:
        """Writes a line: the step is found, sent, replied, stored, failed, retried, or about the run itself."""
        time = self._now().isoformat(sep=" ", timespec="milliseconds").removesuffix("+00:00")
        line = f"{time}  {step:<9} {subject}  {detail}".rstrip()
        # A file's name may hold anything, and a line is one step.
        self._file.write(_CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", line) + "\n")

    def close(self) -> None:
        """Closes the file."""
        self._file.close()
