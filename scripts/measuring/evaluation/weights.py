"""The detector of one kind of weights: the bundled ones, or those that are pulled."""

from __future__ import annotations

from pathlib import Path

from services.processor.detect.detector import ComposedDetector, open_detector
from services.processor.models.registry import load_registry
from services.processor.models.runtime import Provider, Runtime
from services.processor.models.store import ModelStore


def open_weights(folder: Path, weights: str) -> ComposedDetector:
    """With the `bundled` or the `pulled` weights alone; the pulled ones are in the folder."""
    registry = load_registry(folder)
    names = frozenset(entry.name for entry in registry if entry.bundled is (weights == "bundled"))
    return open_detector(registry, ModelStore(folder), Runtime(Provider.CPU, 1), only=names)
