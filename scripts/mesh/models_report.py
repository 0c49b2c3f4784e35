"""Reports the models for a person: installed, in use, and what each finds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from services.common.media.vocabulary import ObjectClass
from services.processor.models.entry import ModelEntry, Task
from services.processor.models.registry import Registry
from services.processor.models.store import ModelStore, Presence

_PRESENT = (Presence.PULLED, Presence.BUNDLED)


def inventory(registry: Registry, store: ModelStore) -> Iterator[str]:
    """Yields a line for each model: name, purpose, size, licence, and whether it is installed."""
    rows = [("MODEL", "FOR", "SIZE", "LICENCE", "IS")]
    rows += [
        (entry.name, _purpose(entry), f"{entry.size_bytes / 1e6:.1f} MB", entry.licence, store.look(entry).value)
        for entry in registry
    ]
    yield from _aligned(rows)


def in_use(registry: Registry, store: ModelStore) -> Iterator[str]:
    """One line a class, and one for labels: the model that serves it, and how much of it that model finds."""
    rows = [("FINDS", "WITH", "RECALL", "PRECISION", "MEASURED ON")]
    for object_class in ObjectClass:
        entry = _first_present(registry.detectors_of(object_class), store)
        if entry is None:
            rows.append((object_class.value, "nothing: scripts/models pull", "", "", ""))
            continue
        served = entry.classes[object_class]
        model = f"{entry.title} ({store.look(entry)})"
        rows.append((object_class.value, model, _share(served.recall), _share(served.precision), served.measured_on))
    classifier = _first_present([entry for entry in registry.classifiers() if _labelled(entry, registry, store)], store)
    rows.append(
        ("labels", "nothing: scripts/models pull", "", "", "")
        if classifier is None
        else ("labels", f"{classifier.title} ({store.look(classifier)})", "", "", classifier.accuracy)
    )
    yield from _aligned(rows)


def missing(registry: Registry, store: ModelStore, *, mirrored: bool) -> Iterator[ModelEntry]:
    """The models that a pull would fetch."""
    for entry in registry:
        if not entry.bundled and (entry.sources or mirrored) and store.look(entry) is not Presence.PULLED:
            yield entry


def _purpose(entry: ModelEntry) -> str:
    return ", ".join(entry.classes) if entry.task is Task.DETECT else entry.task.value


def _labelled(entry: ModelEntry, registry: Registry, store: ModelStore) -> bool:
    return entry.labels is not None and store.look(registry[entry.labels]) in _PRESENT


def _first_present(entries: Iterable[ModelEntry], store: ModelStore) -> ModelEntry | None:
    return next((entry for entry in entries if store.look(entry) in _PRESENT), None)


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
