"""The progress of a download, shown to a person."""

from __future__ import annotations

import time
from typing import Protocol, TextIO

_WIDTH = 24
_REDRAW_SECONDS = 0.1


class Progress(Protocol):
    """Receives the progress of a download."""

    def at(self, done_bytes: int, size_bytes: int) -> None:
        """So many bytes of so many are there."""
        ...

    def end(self) -> None:
        """Nothing more comes, for better or for worse."""
        ...


class NoProgress:
    """Says nothing."""

    def at(self, done_bytes: int, size_bytes: int) -> None:
        """Say nothing."""

    def end(self) -> None:
        """Say nothing."""


class ProgressBar:
    """Draws a bar on one line of a terminal, and clears it at the end."""

    def __init__(self, stream: TextIO, title: str) -> None:
        self._stream = stream
        self._title = title
        self._drawn_at = 0.0
        self._drawn = False

    def at(self, done_bytes: int, size_bytes: int) -> None:
        """Draw how far it is."""
        now = time.monotonic()
        if now - self._drawn_at < _REDRAW_SECONDS and done_bytes < size_bytes:
            return
        self._drawn_at, self._drawn = now, True
        filled = min(_WIDTH, _WIDTH * done_bytes // size_bytes)
        bar = "█" * filled + "░" * (_WIDTH - filled)
        self._stream.write(f"\r{self._title:22} {bar} {done_bytes / 1e6:6.1f} of {size_bytes / 1e6:.1f} MB")
        self._stream.flush()

    def end(self) -> None:
        """Clear the line."""
        if self._drawn:
            self._stream.write("\r\033[K")
            self._stream.flush()
            self._drawn = False
