"""Pixels to input tensors."""

from __future__ import annotations

import cv2
import numpy as np

from services.processor.detect.candidates import Floats
from services.processor.detect.views import View
from services.processor.models.entry import Input
from services.processor.vision.detections import Picture


def view_tensor(picture: Picture, view: View, model_input: Input) -> Floats:
    """The 3 x height x width input of one view: scaled, padded, in the model's colours and units."""
    part = scaled(picture[view.top : view.bottom, view.left : view.right], view.scaled_width, view.scaled_height)
    if view.quarter_turns:
        part = np.rot90(part, view.quarter_turns)
    tensor = np.empty((3, view.input_height, view.input_width), np.float32)
    if part.shape[:2] != tensor.shape[1:]:
        tensor.fill(model_input.padding)
    fill_planes(tensor[:, : part.shape[0], : part.shape[1]], part, model_input)
    return normalized(tensor, model_input)


def scaled(part: Picture, width: int, height: int) -> Picture:
    """The part at another size; shrinking averages, so that nothing small is skipped.

    Halving is the one step of averaging that is fast; what is left is less than a half, where interpolation will do.
    """
    while part.shape[1] >= 2 * width and part.shape[0] >= 2 * height:
        half = (part.shape[1] // 2, part.shape[0] // 2)
        part = _resized(part[: 2 * half[1], : 2 * half[0]], *half, cv2.INTER_AREA)
    if (width, height) == (part.shape[1], part.shape[0]):
        return part
    return _resized(part, width, height, cv2.INTER_LINEAR)


def _resized(part: Picture, width: int, height: int, interpolation: int) -> Picture:
    return cv2.resize(part, (width, height), interpolation=interpolation).astype(np.uint8, copy=False)


def fill_planes(planes: Floats, part: Picture, model_input: Input) -> None:
    """Write a picture's channels into planes of the same size, in the model's order of colours."""
    order = (0, 1, 2) if model_input.colour == "bgr" else (2, 1, 0)
    if not model_input.balance:
        for plane, channel in zip(planes, order, strict=True):
            plane[:] = part[:, :, channel]
        return
    means = [mean + 1 for mean in cv2.mean(part)[:3]]
    grey = sum(means) / 3
    for plane, channel in zip(planes, order, strict=True):
        np.minimum(part[:, :, channel] * np.float32(grey / means[channel]), 255, out=plane)


def normalized(tensor: Floats, model_input: Input) -> Floats:
    """The tensor less the mean, over the deviation; changed in place."""
    for index, (mean, std) in enumerate(zip(model_input.mean, model_input.std, strict=True)):
        if mean:
            tensor[index] -= np.float32(mean)
        if std != 1:
            tensor[index] /= np.float32(std)
    return tensor
