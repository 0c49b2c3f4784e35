"""The bell: short messages to every process that listens at that moment.

A message may be lost, and none is kept. It says where to look; a reader that must miss nothing also looks by itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

Heard = Callable[[str], None]


class Bell(Protocol):
    """See the module."""

    def ring(self, message: str) -> None:
        """Sends a message of at most 8 KiB; returns at once, and does not fail where a store does not answer."""
        ...

    def listen(self, heard: Heard) -> None:
        """Has a function called with each message, of this process too, until the queue is closed."""
        ...
