"""One model run on pictures: views, tensors, runs, decoding, merging."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from services.common.media.vocabulary import Box, ObjectClass
from services.processor.detect.candidates import Candidates, join
from services.processor.detect.decoders import Decoder
from services.processor.detect.merge import Sameness, merge
from services.processor.detect.placing import place, with_shapes
from services.processor.detect.tensor import view_tensor
from services.processor.detect.views import View, plan_views
from services.processor.models.entry import ModelEntry
from services.processor.models.runtime import Model, Provider
from services.processor.vision.detections import Detection, Picture, TileShare


@dataclass(frozen=True, slots=True)
class ViewTask:
    """One view of one picture of a batch, and the classes that it is for."""

    picture: int
    view: View
    classes: frozenset[ObjectClass]


@dataclass(slots=True)
class _Found:
    """The candidates of one picture, in its pixels."""

    parts: list[Candidates] = field(default_factory=list)
    cut: list[NDArray[np.bool_]] = field(default_factory=list)


class ModelDetector:
    """Finds, with one model, the classes that its registry entry gives it."""

    def __init__(self, entry: ModelEntry, decoder: Decoder, model: Model, provider: Provider) -> None:
        self._entry = entry
        self._input = entry.required_input
        self._decoder = decoder
        self._model = model
        self._batch = self._input.batch if provider is not Provider.CPU else 1

    def detect_batch(
        self, pictures: Sequence[Picture], thresholds: Mapping[ObjectClass, float]
    ) -> list[list[Detection]]:
        """Find the classes that have a threshold, in every picture."""
        groups = self.plan(pictures, thresholds)
        found = [self.run(pictures, group, thresholds) for group in groups]
        return self.detections(pictures, groups, found, thresholds)

    def plan(
        self, pictures: Sequence[Picture], thresholds: Mapping[ObjectClass, float], tile_share: TileShare | None = None
    ) -> list[Sequence[ViewTask]]:
        """Returns the views to run, in groups that take one run each."""
        tasks = [
            task
            for index, picture in enumerate(pictures)
            for task in self._tasks(index, picture, thresholds, tile_share)
        ]
        return _equal_inputs(tasks, self._batch)

    def run(
        self, pictures: Sequence[Picture], group: Sequence[ViewTask], thresholds: Mapping[ObjectClass, float]
    ) -> Sequence[Candidates]:
        """Returns what one group finds, a result per task; may be called from several threads."""
        views = [view_tensor(pictures[task.picture], task.view, self._input) for task in group]
        tensor = np.stack(views) if len(views) > 1 else views[0][np.newaxis]
        tensors = self._model.run(tensor, self._decoder.tensors)
        width, height = group[0].view.input_width, group[0].view.input_height
        wanted = [output for name in thresholds for output in self._entry.classes[name].outputs]
        decoded = self._decoder.decode(tensors, width, height, wanted, min(thresholds.values()))
        return [
            with_shapes(candidates, [self._entry.classes[name] for name in task.classes], width, height)
            for task, candidates in zip(group, decoded, strict=True)
        ]

    def detections(
        self,
        pictures: Sequence[Picture],
        groups: Sequence[Sequence[ViewTask]],
        found: Sequence[Sequence[Candidates]],
        thresholds: Mapping[ObjectClass, float],
    ) -> list[list[Detection]]:
        """Returns what all groups found together, for every picture."""
        by_picture = [_Found() for _ in pictures]
        for task, candidates in zip(chain(*groups), chain(*found), strict=True):
            height, width = pictures[task.picture].shape[:2]
            placed, cut = place(candidates, task.view, width, height)
            by_picture[task.picture].parts.append(placed)
            by_picture[task.picture].cut.append(cut)
        return [self._merge(each, thresholds) for each in by_picture]

    def _tasks(
        self, index: int, picture: Picture, classes: Mapping[ObjectClass, float], tile_share: TileShare | None
    ) -> list[ViewTask]:
        """Returns the views of a picture; classes that need the same view share it."""
        height, width = picture.shape[:2]
        wanted: dict[View, set[ObjectClass]] = {}
        for object_class in classes:
            tiles = self._entry.classes[object_class].tiles or self._entry.tiles
            whole, *parts = plan_views(width, height, self._input, tiles)
            if tile_share is not None and tiles is not None:
                turns = min(tiles.turns, tile_share.most)
                parts = parts[tile_share.turn % turns :: turns]
            for view in (whole, *parts):
                wanted.setdefault(view, set()).add(object_class)
        return [ViewTask(index, view, frozenset(found)) for view, found in wanted.items()]

    def _merge(self, found: _Found, thresholds: Mapping[ObjectClass, float]) -> list[Detection]:
        candidates, cut = join(found.parts), np.concatenate(found.cut)
        detections: list[Detection] = []
        for object_class, threshold in thresholds.items():
            served = self._entry.classes[object_class]
            picked = np.flatnonzero(np.isin(candidates.outputs, served.outputs) & (candidates.scores >= threshold))
            own = candidates.only(picked)
            sameness = Sameness(
                self._entry.nms_iou if served.nms_iou is None else served.nms_iou,
                self._entry.nms_within if served.nms_within is None else served.nms_within,
            )
            boxes, scores = merge(own.boxes, own.scores, cut[picked], sameness)
            for (left, top, right, bottom), score in zip(boxes.tolist(), scores.tolist(), strict=True):
                detections.append(Detection(object_class, score, Box(left, top, right, bottom)))
        return detections


def _equal_inputs(tasks: Sequence[ViewTask], limit: int) -> list[Sequence[ViewTask]]:
    groups: list[Sequence[ViewTask]] = []
    open_groups: dict[tuple[int, int], list[ViewTask]] = {}
    for task in tasks:
        size = (task.view.input_width, task.view.input_height)
        group = open_groups.get(size)
        if group is None or len(group) == limit:
            group = open_groups[size] = []
            groups.append(group)
        group.append(task)
    return groups
