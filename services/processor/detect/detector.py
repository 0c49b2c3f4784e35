"""The detector that the rest of the processor sees: several models, each asked for the classes it is best at."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TypeVar

from services.common.media.vocabulary import ObjectClass
from services.processor.detect.decoders import open_decoder
from services.processor.detect.model_detector import ModelDetector
from services.processor.models.entry import ModelEntry
from services.processor.models.registry import Registry
from services.processor.models.runtime import Model, Runtime
from services.processor.models.store import ModelStore
from services.processor.vision.detections import Detection, Picture, TileShare

Result = TypeVar("Result")


class ComposedDetector:
    """Asks, for each class, the model that serves it."""

    def __init__(
        self,
        serving: Mapping[ObjectClass, ModelEntry],
        detectors: Mapping[str, ModelDetector],
        helpers: Executor | None = None,
    ) -> None:
        self._serving = dict(serving)
        self._detectors = dict(detectors)
        self._helpers = helpers

    def with_helpers(self, helpers: Executor) -> ComposedDetector:
        """Returns a detector that runs different views and models on several threads."""
        return ComposedDetector(self._serving, self._detectors, helpers)

    @property
    def versions(self) -> Mapping[str, str]:
        """Each model in use, by name, with the first 12 hex digits of its weights' sha256."""
        return {entry.name: entry.version for entry in self._serving.values()}

    @property
    def classes(self) -> frozenset[ObjectClass]:
        """The classes that some model in use serves."""
        return frozenset(self._serving)

    @property
    def thresholds(self) -> Mapping[ObjectClass, float]:
        """The score from which a detection counts, of each class: its model's own."""
        return {object_class: entry.classes[object_class].threshold for object_class, entry in self._serving.items()}

    @property
    def serving(self) -> Mapping[ObjectClass, ModelEntry]:
        """The registry entry that serves each class."""
        return self._serving

    def detect(
        self,
        picture: Picture,
        classes: frozenset[ObjectClass],
        thresholds: Mapping[ObjectClass, float] | None = None,
    ) -> list[Detection]:
        """Find the objects of these classes in one picture."""
        return self.detect_batch([picture], classes, thresholds)[0]

    def detect_batch(
        self,
        pictures: Sequence[Picture],
        classes: frozenset[ObjectClass],
        thresholds: Mapping[ObjectClass, float] | None = None,
    ) -> list[list[Detection]]:
        """Find the objects of these classes in several pictures, in their order."""
        return self._detect(pictures, classes, thresholds, None)

    def detect_partial(
        self,
        picture: Picture,
        classes: frozenset[ObjectClass],
        thresholds: Mapping[ObjectClass, float] | None,
        tile_share: TileShare,
    ) -> list[Detection]:
        """Find the objects of these classes in the whole picture and in a share of its tiles."""
        return self._detect([picture], classes, thresholds, tile_share)[0]

    def _detect(
        self,
        pictures: Sequence[Picture],
        classes: frozenset[ObjectClass],
        thresholds: Mapping[ObjectClass, float] | None,
        tile_share: TileShare | None,
    ) -> list[list[Detection]]:
        plan = [(self._detectors[name], wanted) for name, wanted in self._plan(classes, thresholds or {}).items()]
        groups = [model.plan(pictures, wanted, tile_share) for model, wanted in plan]
        runs = [
            partial(model.run, pictures, group, wanted)
            for (model, wanted), own in zip(plan, groups, strict=True)
            for group in own
        ]
        seen = iter(map(_run, runs) if self._helpers is None else self._helpers.map(_run, runs))
        found: list[list[Detection]] = [[] for _ in pictures]
        for (model, wanted), own in zip(plan, groups, strict=True):
            candidates = list(islice(seen, len(own)))
            for all_found, more in zip(found, model.detections(pictures, own, candidates, wanted), strict=True):
                all_found.extend(more)
        for detections in found:
            detections.sort(key=lambda detection: -detection.score)
        return found

    def _plan(
        self, classes: frozenset[ObjectClass], thresholds: Mapping[ObjectClass, float]
    ) -> dict[str, dict[ObjectClass, float]]:
        plan: dict[str, dict[ObjectClass, float]] = {}
        for object_class, entry in self._serving.items():
            if object_class in classes:
                threshold = thresholds.get(object_class, entry.classes[object_class].threshold)
                plan.setdefault(entry.name, {})[object_class] = threshold
        return plan


def open_detector(
    registry: Registry,
    store: ModelStore,
    runtime: Runtime,
    classes: frozenset[ObjectClass] = frozenset(ObjectClass),
    only: frozenset[str] | None = None,
) -> ComposedDetector:
    """Compose the preferred models that are there; `only` narrows the choice to models of these names.

    Weights are compared with the registry's sha256 now (`WeightsDamaged`) and loaded when first needed.
    """
    runtime.require_provider()
    serving: dict[ObjectClass, ModelEntry] = {}
    detectors: dict[str, ModelDetector] = {}
    for object_class in ObjectClass:
        if object_class not in classes:
            continue
        for entry in registry.detectors_of(object_class):
            if only is not None and entry.name not in only:
                continue
            if entry.name not in detectors:
                path = store.verified(entry)
                if path is None:
                    continue
                detectors[entry.name] = open_model(entry, path, runtime)
            serving[object_class] = entry
            break
    return ComposedDetector(serving, detectors)


def open_model(entry: ModelEntry, path: Path, runtime: Runtime) -> ModelDetector:
    """Opens one detector of the registry."""
    decoder = open_decoder(f"models.{entry.name}.decoder", entry.decoder)
    return ModelDetector(entry, decoder, Model(entry.name, path, runtime), runtime.provider)


def _run(task: Callable[[], Result]) -> Result:
    return task()
