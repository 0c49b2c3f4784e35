"""One model run on pictures: views, tensors, runs, decoding, merging."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from services.common.media.vocabulary import Box, ObjectClass
from services.processor.detect.candidates import Candidates, Floats, join
from services.processor.detect.decoders import Decoder
from services.processor.detect.merge import Sameness, merge
from services.processor.detect.placing import place, with_shapes, without_unsure
from services.processor.detect.search import Search, closer_views, find_views, wants_closer
from services.processor.detect.tensor import view_tensor
from services.processor.detect.views import View
from services.processor.models.entry import Closer, ModelEntry
from services.processor.models.runtime import Model, Provider
from services.processor.vision.detections import Detection, Picture


@dataclass(frozen=True, slots=True)
class ViewTask:
    """One view of one picture of a batch, and the classes that it is for."""

    picture: int
    view: View
    classes: frozenset[ObjectClass]
    keeps_unsure: bool = False
    """Whether candidates that score too little are kept, for a second search of their places."""
    is_closer: bool = False
    """Whether this is a second search, of an unsure place."""


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

    @property
    def entry(self) -> ModelEntry:
        """The model's entry in the registry."""
        return self._entry

    def plan(
        self, pictures: Sequence[Picture], searches: Sequence[Search], classes: Collection[ObjectClass]
    ) -> list[Sequence[ViewTask]]:
        """Returns the views to run, in groups that take one run each."""
        tasks: list[ViewTask] = []
        for index, (picture, search) in enumerate(zip(pictures, searches, strict=True)):
            height, width = picture.shape[:2]
            unsure = {name for name in classes if wants_closer(width, height, self._entry.classes[name].closer, search)}
            tasks += [
                ViewTask(index, view, searched, keeps_unsure=not unsure.isdisjoint(searched))
                for view, searched in find_views(width, height, self._entry, classes, search).items()
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
        lowest = min(thresholds.values())
        if any(task.keeps_unsure for task in group):
            lowest = min([lowest, *(each.score for each in self._closer(thresholds).values())])
        decoded = self._decoder.decode(tensors, width, height, wanted, lowest)
        found: list[Candidates] = []
        for task, candidates in zip(group, decoded, strict=True):
            classes = [self._entry.classes[name] for name in task.classes]
            shaped = with_shapes(candidates, classes, width, height)
            if task.is_closer:
                shaped = without_unsure(shaped, [(served, served.closer) for served in classes])
            elif task.view.quarter_turns:
                shaped = without_unsure(shaped, [(served, served.turned) for served in classes])
            found.append(shaped)
        return found

    def plan_closer(
        self,
        pictures: Sequence[Picture],
        groups: Sequence[Sequence[ViewTask]],
        found: Sequence[Sequence[Candidates]],
        thresholds: Mapping[ObjectClass, float],
    ) -> list[Sequence[ViewTask]]:
        """Returns the views of the places where these groups are unsure, in groups that take one run each."""
        if not any(task.keeps_unsure for task in chain(*groups)):
            return []
        tasks: list[ViewTask] = []
        for index, (picture, seen) in enumerate(zip(pictures, self._placed(pictures, groups, found), strict=True)):
            height, width = picture.shape[:2]
            own = [task for task in chain(*groups) if task.picture == index and task.keeps_unsure]
            for name, closer in self._closer(thresholds).items():
                views = [task.view for task in own if name in task.classes]
                boxes, scores = self._merge(seen, name, closer.score)
                places = boxes[scores < thresholds[name]].tolist()
                tasks += [
                    ViewTask(index, view, frozenset({name}), is_closer=True)
                    for view in closer_views(width, height, self._entry, closer, places, views)
                ]
        return _equal_inputs(tasks, self._batch)

    def detections(
        self,
        pictures: Sequence[Picture],
        groups: Sequence[Sequence[ViewTask]],
        found: Sequence[Sequence[Candidates]],
        thresholds: Mapping[ObjectClass, float],
    ) -> list[list[Detection]]:
        """Returns what all groups found together, for every picture."""
        return [
            self._detections(seen, thresholds, picture.shape[1], picture.shape[0])
            for picture, seen in zip(pictures, self._placed(pictures, groups, found), strict=True)
        ]

    def _placed(
        self, pictures: Sequence[Picture], groups: Sequence[Sequence[ViewTask]], found: Sequence[Sequence[Candidates]]
    ) -> list[_Found]:
        """Returns the candidates of every picture, in its pixels."""
        by_picture = [_Found() for _ in pictures]
        for task, candidates in zip(chain(*groups), chain(*found), strict=True):
            height, width = pictures[task.picture].shape[:2]
            placed, cut = place(candidates, task.view, width, height)
            if task.is_closer:
                # An object that reaches out of its place is seen whole in another view.
                placed, cut = placed.only(~cut), cut[~cut]
            by_picture[task.picture].parts.append(placed)
            by_picture[task.picture].cut.append(cut)
        return by_picture

    def _detections(
        self, found: _Found, thresholds: Mapping[ObjectClass, float], width: int, height: int
    ) -> list[Detection]:
        detections: list[Detection] = []
        for object_class, threshold in thresholds.items():
            boxes, scores = self._merge(found, object_class, threshold)
            grow = self._entry.classes[object_class].grow
            for (left, top, right, bottom), score in zip(boxes.tolist(), scores.tolist(), strict=True):
                box = Box(left, top, right, bottom).expanded(grow).clipped(width, height)
                detections.append(Detection(object_class, score, box))
        return detections

    def _merge(self, found: _Found, object_class: ObjectClass, threshold: float) -> tuple[Floats, Floats]:
        """Returns one box and score for each object of a class, by falling score."""
        candidates, cut = join(found.parts), np.concatenate(found.cut)
        served = self._entry.classes[object_class]
        picked = np.flatnonzero(np.isin(candidates.outputs, served.outputs) & (candidates.scores >= threshold))
        own = candidates.only(picked)
        sameness = Sameness(
            self._entry.nms_iou if served.nms_iou is None else served.nms_iou,
            self._entry.nms_within if served.nms_within is None else served.nms_within,
        )
        return merge(own.boxes, own.scores, cut[picked], sameness)

    def _closer(self, names: Collection[ObjectClass]) -> dict[ObjectClass, Closer]:
        """How unsure places are searched again, of those of these classes that are."""
        found = {name: self._entry.classes[name].closer for name in names}
        return {name: closer for name, closer in found.items() if closer is not None}


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
