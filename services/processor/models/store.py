"""Where weights lie: pulled ones in the models folder, bundled ones in the repository."""

from __future__ import annotations

import hashlib
from enum import StrEnum
from pathlib import Path

from services.processor.models.entry import ModelEntry
from services.processor.models.errors import WeightsDamaged
from services.processor.models.registry import MODELS_FOLDER

BUNDLED_FOLDER = MODELS_FOLDER / "bundled"


class Presence(StrEnum):
    """Whether a model's weights are in the store."""

    PULLED = "pulled"
    BUNDLED = "bundled"
    MISSING = "missing"
    DAMAGED = "damaged"


class ModelStore:
    """Finds the file of a registry entry.

    Promise: `verified` returns a path only after the file's sha256 was compared with the registry's.
    """

    def __init__(self, folder: Path, bundled: Path = BUNDLED_FOLDER) -> None:
        self._folder = folder
        self._bundled = bundled

    def target(self, entry: ModelEntry) -> Path:
        """Where a pull puts this entry's file."""
        return self._folder / entry.file

    def find(self, entry: ModelEntry) -> Path | None:
        """The entry's file if there is one, not yet compared with its sha256."""
        path = self._bundled / entry.file if entry.bundled else self.target(entry)
        return path if path.is_file() else None

    def verified(self, entry: ModelEntry) -> Path | None:
        """The entry's file if there is one; raises `WeightsDamaged` when it is not what the registry pins."""
        path = self.find(entry)
        if path is not None and (found := sha256_of(path)) != entry.sha256:
            raise WeightsDamaged(path, entry.sha256, found)
        return path

    def look(self, entry: ModelEntry) -> Presence:
        """Whether the entry's file is there and whole."""
        try:
            path = self.verified(entry)
        except WeightsDamaged:
            return Presence.DAMAGED
        if path is None:
            return Presence.MISSING
        return Presence.BUNDLED if entry.bundled else Presence.PULLED


def sha256_of(path: Path) -> str:
    """The sha256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
