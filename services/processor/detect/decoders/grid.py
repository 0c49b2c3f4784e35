"""The grid of places a convolutional detector answers for."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from services.processor.detect.candidates import Floats


@lru_cache(maxsize=64)
def cells(columns: int, rows: int) -> Floats:
    """The (column, row) of every cell, row by row; not to be written to."""
    y, x = np.mgrid[:rows, :columns]
    grid = np.stack([x.ravel(), y.ravel()], axis=1).astype(np.float32)
    grid.flags.writeable = False
    return grid


def corners(centres: Floats, sizes: Floats) -> Floats:
    """Boxes (left, top, right, bottom) of centres and sizes."""
    half = sizes / 2
    return np.concatenate([centres - half, centres + half], axis=1)
