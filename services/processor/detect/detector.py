"""The detector that the rest of the processor sees: several models, each asked for the classes it is best at."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Executor
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TypeVar

from services.common.media.vocabulary import ObjectClass
from services.processor.detect.candidates import Candidates
from services.processor.detect.decoders import open_decoder
from services.processor.detect.model_detector import ModelDetector, ViewTask
from services.processor.detect.search import Search, fit_search, search_cost, smallest_sizes
from services.processor.models.entry import ModelEntry
from services.processor.models.registry import Registry
from services.processor.models.runtime import Model, Runtime
from services.processor.models.store import ModelStore
from services.processor.vision.detections import Detection, Picture, TileShare

Result = TypeVar("Result")

PICTURE_SECONDS = 5.0
FRAME_SECONDS = 0.5
"""The budget of a picture where a caller names none, and that of one frame of a video or animation."""


class ComposedDetector:
    """Asks, for each class, the model that serves it."""

    def __init__(
        self,
        serving: Mapping[ObjectClass, ModelEntry],
        detectors: Mapping[str, ModelDetector],
        budget_seconds: float = PICTURE_SECONDS,
        helpers: Executor | None = None,
    ) -> None:
        self._serving = dict(serving)
        self._detectors = dict(detectors)
        self._budget_seconds = budget_seconds
        self._helpers = helpers

    def with_helpers(self, helpers: Executor) -> ComposedDetector:
        """Returns a detector that runs different views and models on several threads."""
        return ComposedDetector(self._serving, self._detectors, self._budget_seconds, helpers)

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
        return self._detect(pictures, classes, thresholds, Search(is_still=True), self._budget_seconds)

    def detect_frame(
        self,
        picture: Picture,
        classes: frozenset[ObjectClass],
        thresholds: Mapping[ObjectClass, float] | None,
        tile_share: TileShare | None,
    ) -> list[Detection]:
        """Find the objects of these classes in a frame of a video, in all of its tiles or in a share of them."""
        return self._detect([picture], classes, thresholds, Search(tile_share=tile_share), FRAME_SECONDS)[0]

    def limited_sizes(
        self, width: int, height: int, classes: frozenset[ObjectClass], *, is_frame: bool = False, shrink: float = 1.0
    ) -> Mapping[ObjectClass, float]:
        """Returns, for each class whose smallest objects are not searched for, from which longer side they are found.

        The budget may not suffice for them, or the caller shrinks the picture first.
        """
        search, budget = (Search(), FRAME_SECONDS) if is_frame else (Search(is_still=True), self._budget_seconds)
        models = self._models(classes)
        shown = max(1, round(width * shrink)), max(1, round(height * shrink))
        fitted = fit_search(*shown, models, search, budget)
        limited: dict[ObjectClass, float] = {}
        for entry, served in models:
            wanted = smallest_sizes(width, height, entry, served, search)
            left = smallest_sizes(*shown, entry, served, fitted)
            limited |= {name: size / shrink for name, size in left.items() if size / shrink > wanted[name]}
        return limited

    def frame_cost(
        self, width: int, height: int, classes: frozenset[ObjectClass], tile_share: TileShare | None
    ) -> float:
        """Returns the usual CPU seconds of `detect_frame`, which no clock measured."""
        models = self._models(classes)
        fitted = fit_search(width, height, models, Search(tile_share=tile_share), FRAME_SECONDS)
        return search_cost(width, height, models, fitted)

    def _detect(
        self,
        pictures: Sequence[Picture],
        classes: frozenset[ObjectClass],
        thresholds: Mapping[ObjectClass, float] | None,
        search: Search,
        budget_seconds: float,
    ) -> list[list[Detection]]:
        models = self._models(classes)
        searches = [
            fit_search(picture.shape[1], picture.shape[0], models, search, budget_seconds) for picture in pictures
        ]
        plan = [(self._detectors[entry.name], _thresholds(entry, served, thresholds or {})) for entry, served in models]
        groups = [model.plan(pictures, searches, wanted) for model, wanted in plan]
        seen = self._run(pictures, plan, groups)
        closer = [
            model.plan_closer(pictures, own, candidates, wanted)
            for (model, wanted), own, candidates in zip(plan, groups, seen, strict=True)
        ]
        groups = [[*own, *again] for own, again in zip(groups, closer, strict=True)]
        more_seen = self._run(pictures, plan, closer)
        seen = [[*own, *again] for own, again in zip(seen, more_seen, strict=True)]
        found: list[list[Detection]] = [[] for _ in pictures]
        for (model, wanted), own, candidates in zip(plan, groups, seen, strict=True):
            for all_found, more in zip(found, model.detections(pictures, own, candidates, wanted), strict=True):
                all_found.extend(more)
        for detections in found:
            detections.sort(key=lambda detection: -detection.score)
        return found

    def _run(
        self,
        pictures: Sequence[Picture],
        plan: Sequence[tuple[ModelDetector, Mapping[ObjectClass, float]]],
        groups: Sequence[Sequence[Sequence[ViewTask]]],
    ) -> list[list[Sequence[Candidates]]]:
        """Returns what the groups of each model find."""
        runs = [
            partial(model.run, pictures, group, wanted)
            for (model, wanted), own in zip(plan, groups, strict=True)
            for group in own
        ]
        seen = iter(map(_call, runs) if self._helpers is None else self._helpers.map(_call, runs))
        return [list(islice(seen, len(own))) for own in groups]

    def _models(self, classes: Collection[ObjectClass]) -> list[tuple[ModelEntry, list[ObjectClass]]]:
        """The models that serve these classes, each with those that it serves."""
        models: dict[str, tuple[ModelEntry, list[ObjectClass]]] = {}
        for object_class, entry in self._serving.items():
            if object_class in classes:
                models.setdefault(entry.name, (entry, []))[1].append(object_class)
        return list(models.values())


def open_detector(
    registry: Registry,
    store: ModelStore,
    runtime: Runtime,
    classes: frozenset[ObjectClass] = frozenset(ObjectClass),
    only: frozenset[str] | None = None,
    budget_seconds: float = PICTURE_SECONDS,
) -> ComposedDetector:
    """Compose the preferred models that are there; `only` narrows the choice to models of these names.

    `budget_seconds` bounds the search in one picture (see `services.processor.detect.search`).

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
    return ComposedDetector(serving, detectors, budget_seconds)


def open_model(entry: ModelEntry, path: Path, runtime: Runtime) -> ModelDetector:
    """Opens one detector of the registry."""
    decoder = open_decoder(f"models.{entry.name}.decoder", entry.decoder)
    return ModelDetector(entry, decoder, Model(entry.name, path, runtime), runtime.provider)


def _thresholds(
    entry: ModelEntry, classes: Collection[ObjectClass], asked: Mapping[ObjectClass, float]
) -> dict[ObjectClass, float]:
    return {name: asked.get(name, entry.classes[name].threshold) for name in classes}


def _call(task: Callable[[], Result]) -> Result:
    return task()
