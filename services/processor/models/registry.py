"""Reads the registry: TOML in, `ModelEntry` values out, and for anything else an error that names the key."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

from pydantic import ValidationError

from services.common.media.vocabulary import ObjectClass
from services.processor.models.entry import ModelEntry, Task
from services.processor.models.errors import RegistryInvalid

MODELS_FOLDER = Path(__file__).resolve().parents[3] / "models"
REGISTRY_FILE = "registry.toml"


class Registry:
    """Every model by its name, in the order of the file."""

    def __init__(self, entries: Mapping[str, ModelEntry]) -> None:
        self._entries = dict(entries)
        for entry in self:
            if entry.labels is not None and self._task_of(entry.labels) is not Task.LABELS:
                raise RegistryInvalid(f"models.{entry.name}.labels", f"no labels are called {entry.labels!r}")

    def __iter__(self) -> Iterator[ModelEntry]:
        return iter(self._entries.values())

    def __getitem__(self, name: str) -> ModelEntry:
        return self._entries[name]

    def __contains__(self, name: str) -> bool:
        return name in self._entries

    def detectors_of(self, object_class: ObjectClass) -> list[ModelEntry]:
        """The detectors that serve a class, the preferred one first."""
        serving = [entry for entry in self if entry.task is Task.DETECT and object_class in entry.classes]
        return sorted(serving, key=lambda entry: -entry.classes[object_class].priority)

    def classifiers(self) -> list[ModelEntry]:
        """The classifiers, the preferred one first."""
        return sorted((entry for entry in self if entry.task is Task.CLASSIFY), key=lambda entry: -entry.priority)

    def _task_of(self, name: str) -> Task | None:
        return self._entries[name].task if name in self else None


def load_registry(*folders: Path) -> Registry:
    """Read the project's registry, then the `registry.toml` of each folder that has one; a later entry replaces."""
    entries: dict[str, ModelEntry] = {}
    for folder in (MODELS_FOLDER, *folders):
        path = folder / REGISTRY_FILE
        if path.is_file():
            entries |= parse_registry(path.read_text(encoding="utf-8"), str(path))
    return Registry(entries)


def parse_registry(text: str, where: str) -> dict[str, ModelEntry]:
    """Turn the text of a registry into entries; `where` names the file in errors."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RegistryInvalid(where, f"not TOML: {error}") from error
    if unknown := document.keys() - {"models"}:
        raise RegistryInvalid(where, f"unknown table {min(unknown)!r}")
    entries = {}
    for name, table in document.get("models", {}).items():
        try:
            entries[name] = ModelEntry.model_validate({"name": name, **table})
        except ValidationError as error:
            first = error.errors()[0]
            key = ".".join(["models", name, *(str(part) for part in first["loc"])])
            raise RegistryInvalid(f"{where}: {key}", first["msg"]) from error
    return entries
