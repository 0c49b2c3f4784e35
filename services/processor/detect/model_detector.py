"""One model looking at pictures: views, tensors, runs, decoding, merging."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.processor.detect.candidates import Candidates, join
from services.processor.detect.decoders import Decoder
from services.processor.detect.merge import suppress
from services.processor.detect.tensor import view_tensor
from services.processor.detect.views import View, plan_views
from services.processor.detections import Box, Detection, ObjectClass, Picture
from services.processor.models.entry import ModelEntry, ServedClass
from services.processor.models.runtime import Model, Provider

EDGE_PIXELS = 3
"""A box that comes this close to a tile's edge, in pixels of the input, may go on behind it."""


@dataclass(frozen=True, slots=True)
class _Look:
    """One view of one picture of a batch."""

    picture: int
    view: View


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
        looks = [
            _Look(index, view)
            for index, picture in enumerate(pictures)
            for view in plan_views(picture.shape[1], picture.shape[0], self._input, self._entry.tiles)
        ]
        found: list[list[tuple[View, Candidates]]] = [[] for _ in pictures]
        for group in _equal_inputs(looks, self._batch):
            for look, candidates in zip(group, self._run(pictures, group, thresholds), strict=True):
                found[look.picture].append((look.view, candidates))
        return [self._merge(picture, views, thresholds) for picture, views in zip(pictures, found, strict=True)]

    def _run(
        self, pictures: Sequence[Picture], group: Sequence[_Look], thresholds: Mapping[ObjectClass, float]
    ) -> list[Candidates]:
        tensor = np.stack([view_tensor(pictures[look.picture], look.view, self._input) for look in group])
        outputs = self._model.run(tensor, self._decoder.tensors)
        served = [self._entry.classes[object_class] for object_class in thresholds]
        wanted = [output for each in served for output in each.outputs]
        width, height = group[0].view.input_width, group[0].view.input_height
        decoded = self._decoder.decode(outputs, width, height, wanted, min(thresholds.values()))
        return [_shaped(candidates, served, width, height) for candidates in decoded]

    def _merge(
        self,
        picture: Picture,
        views: Sequence[tuple[View, Candidates]],
        thresholds: Mapping[ObjectClass, float],
    ) -> list[Detection]:
        height, width = picture.shape[:2]
        parts = [_in_picture(candidates, view, width, height) for view, candidates in views]
        candidates = join([part for part, _ in parts])
        cut = np.concatenate([part for _, part in parts])
        detections: list[Detection] = []
        for object_class, threshold in thresholds.items():
            served = self._entry.classes[object_class]
            picked = np.isin(candidates.outputs, served.outputs) & (candidates.scores >= threshold)
            index = np.flatnonzero(picked)
            own = candidates.only(index)
            for kept in suppress(own.boxes, own.scores, cut[index], self._entry.nms_iou):
                left, top, right, bottom = own.boxes[kept].tolist()
                detections.append(Detection(object_class, float(own.scores[kept]), Box(left, top, right, bottom)))
        return detections


def _equal_inputs(looks: Sequence[_Look], limit: int) -> list[list[_Look]]:
    groups: list[list[_Look]] = []
    open_groups: dict[tuple[int, int], list[_Look]] = {}
    for look in looks:
        size = (look.view.input_width, look.view.input_height)
        group = open_groups.get(size)
        if group is None or len(group) == limit:
            group = open_groups[size] = []
            groups.append(group)
        group.append(look)
    return groups


def _shaped(candidates: Candidates, served: Sequence[ServedClass], width: int, height: int) -> Candidates:
    limited = [each for each in served if each.aspect is not None or each.largest < 1]
    if not limited:
        return candidates
    wide = candidates.boxes[:, 2] - candidates.boxes[:, 0]
    tall = candidates.boxes[:, 3] - candidates.boxes[:, 1]
    keep = np.ones(len(candidates), np.bool_)
    for each in limited:
        narrowest, widest = each.aspect or (0.0, np.inf)
        fits = (wide <= each.largest * width) & (tall <= each.largest * height)
        fits &= (wide >= narrowest * tall) & (wide <= widest * tall)
        keep &= fits | ~np.isin(candidates.outputs, each.outputs)
    return candidates.only(keep)


def _in_picture(candidates: Candidates, view: View, width: int, height: int) -> tuple[Candidates, NDArray[np.bool_]]:
    boxes = candidates.boxes / np.float32(view.scale) + np.array([view.left, view.top] * 2, np.float32)
    edge = EDGE_PIXELS / view.scale
    cut = np.zeros(len(boxes), np.bool_)
    if view.left > 0:
        cut |= boxes[:, 0] < view.left + edge
    if view.top > 0:
        cut |= boxes[:, 1] < view.top + edge
    if view.right < width:
        cut |= boxes[:, 2] > view.right - edge
    if view.bottom < height:
        cut |= boxes[:, 3] > view.bottom - edge
    limits = np.array([width, height] * 2, np.float32)
    boxes = np.clip(boxes, 0, limits)
    inside = (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])
    return Candidates(boxes, candidates.scores, candidates.outputs).only(inside), cut[inside]
