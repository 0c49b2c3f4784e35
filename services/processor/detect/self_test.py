"""Runs a model once on an empty picture: does its file load, and does its decoder understand what comes out?"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from services.processor.detect.detector import ComposedDetector, open_model
from services.processor.models.entry import ModelEntry, Task
from services.processor.models.errors import ModelError
from services.processor.models.runtime import Model, Runtime


class TrialFailed(ModelError):
    """The model does not do what its entry says."""


def self_test(entry: ModelEntry, path: Path) -> str:
    """Say what the model is good for, in a word; raises `TrialFailed` with the reason when it is not."""
    try:
        return _run(entry, path)
    except ModelError:
        raise
    except Exception as error:
        raise TrialFailed(f"cannot be run as the registry says: {error}") from error


def _run(entry: ModelEntry, path: Path) -> str:
    picture = np.full((480, 640, 3), 127, np.uint8)
    runtime = Runtime()
    if entry.task is Task.DETECT:
        detector = ComposedDetector(dict.fromkeys(entry.classes, entry), {entry.name: open_model(entry, path, runtime)})
        detector.detect(picture, frozenset(entry.classes))
    elif entry.task is Task.CLASSIFY and entry.input is not None:
        tensor = np.zeros((1, 3, entry.input.height, entry.input.width), np.float32)
        (logits,) = Model(entry.name, path, runtime).run(tensor, 1)
        return f"ok, {logits.shape[-1]} labels"
    else:
        return f"ok, {len(path.read_text(encoding='utf-8').splitlines())} labels"
    return f"ok, {', '.join(entry.classes)}"
