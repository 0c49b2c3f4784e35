"""Pixels to input tensors."""

from __future__ import annotations

import cv2
import numpy as np

from services.processor.detect.candidates import Floats
from services.processor.detect.views import View
from services.processor.detections import Picture
from services.processor.models.entry import Input


def view_tensor(picture: Picture, view: View, model_input: Input) -> Floats:
    """The 3 x height x width input of one view: scaled, padded, in the model's colours and units."""
    part = picture[view.top : view.bottom, view.left : view.right]
    size = (view.scaled_width, view.scaled_height)
    if size != (part.shape[1], part.shape[0]):
        part = cv2.resize(part, size, interpolation=cv2.INTER_AREA if view.scale < 0.5 else cv2.INTER_LINEAR)
    tensor = np.empty((3, view.input_height, view.input_width), np.float32)
    padded = size != (view.input_width, view.input_height)
    for channel in range(3):
        source = channel if model_input.colour == "bgr" else 2 - channel
        plane = tensor[channel]
        if padded:
            plane.fill(model_input.padding)
        plane[: size[1], : size[0]] = part[:, :, source]
    return normalized(tensor, model_input)


def normalized(tensor: Floats, model_input: Input) -> Floats:
    """The tensor less the mean, over the deviation; changed in place."""
    for plane, mean, std in zip(tensor, model_input.mean, model_input.std, strict=True):
        if mean:
            plane -= mean
        if std != 1:
            plane /= std
    return tensor
