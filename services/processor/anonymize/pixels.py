"""Pixels that are painted on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from numpy.typing import NDArray

Pixels: TypeAlias = NDArray[Any]
"""Height x width, or height x width x up to 4 channels; of uint8, uint16 or float32. Any view will do."""
Area: TypeAlias = tuple[int, int, int, int]
"""Left, top, right and bottom of some pixels."""
Fill: TypeAlias = Callable[[str], Sequence[float]]
"""A colour, given as #rrggbb, as one number a channel."""
