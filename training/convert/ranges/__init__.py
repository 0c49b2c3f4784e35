"""Between which values a model's tensors lie in training pictures: within these ranges they are rounded to 8 bits.

Kept in files, so that the models have the same bytes each time; `python -m training.convert.calibrate` makes them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

Ranges: TypeAlias = Mapping[str, tuple[float, float]]
"""The smallest and the largest value of each tensor to be rounded."""


def read_ranges(model: str) -> Ranges:
    """The ranges of a model of the registry."""
    return {name: (low, high) for name, (low, high) in json.loads(_path(model).read_text()).items()}


def write_ranges(model: str, ranges: Ranges) -> None:
    """Keeps the ranges, a line for each tensor."""
    lines = [f"{json.dumps(name)}: [{low:g}, {high:g}]" for name, (low, high) in ranges.items()]
    _path(model).write_text("{\n" + ",\n".join(lines) + "\n}\n")


def _path(model: str) -> Path:
    return Path(__file__).with_name(f"{model}.json")
