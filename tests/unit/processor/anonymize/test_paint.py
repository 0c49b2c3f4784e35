from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from services.common.media.vocabulary import Box, Mode, Shape
from services.processor.anonymize.paint import SHORTER_CELLS, paint_covers
from services.processor.anonymize.pixels import Pixels
from services.processor.anonymize.plan import Cover

AREA = Box(20, 10, 80, 70)


def noise(dtype: str = "uint8", channels: int = 3) -> Pixels:
    numbers = np.random.default_rng(5).integers(0, 256, (90, 120, channels) if channels else (90, 120))
    return numbers.astype(dtype)


def painted(pixels: Pixels, mode: Mode, shape: Shape, feather: float = 0.0, box: Box = AREA) -> Pixels:
    copy = pixels.copy()
    channels = 1 if copy.ndim == 2 else copy.shape[2]
    paint_covers(copy, [Cover(box, shape, mode, feather)], lambda _: (7, 8, 9, 10)[:channels])
    return copy


def outside(shape: Shape, feather: float = 0.0) -> NDArray[np.bool_]:
    y, x = np.mgrid[0:90, 0:120] + 0.5
    across, down = np.abs(x - 50) / 30, np.abs(y - 40) / 30
    distance = np.hypot(across, down) if shape is Shape.ELLIPSE else np.maximum(across, down)
    away: NDArray[np.bool_] = distance > 1 + 2 * feather + 1e-6
    return away


@pytest.mark.parametrize("feather", [0.0, 0.25])
@pytest.mark.parametrize("shape", Shape)
@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("channels", [0, 1, 2, 3, 4])
def test_only_pixels_inside_change(mode: Mode, shape: Shape, feather: float, dtype: str, channels: int) -> None:
    before = noise(dtype, channels)
    after = painted(before, mode, shape, feather)
    assert after.dtype == before.dtype
    assert after.shape == before.shape
    away = outside(shape, feather)
    assert np.array_equal(after[away], before[away])
    assert not np.array_equal(after, before)


@pytest.mark.parametrize("shape", Shape)
@pytest.mark.parametrize("feather", [0.0, 0.3])
def test_solid_is_one_colour_up_to_the_edge_of_the_shape(shape: Shape, feather: float) -> None:
    after = painted(noise(), Mode.SOLID, shape, feather)
    inside = ~outside(shape)
    assert np.array_equal(np.unique(after[inside], axis=0), [[7, 8, 9]])


def test_a_soft_edge_falls_from_covered_to_not() -> None:
    white = np.full((90, 120), 255, np.uint8)
    after = painted(white, Mode.SOLID, Shape.BOX, 0.25)
    row = after[40, 80:96].astype(int)
    assert row[0] < 30
    assert row[-1] == 255
    assert (np.diff(row) >= 0).all()


def test_mosaic_is_the_averages_of_its_blocks() -> None:
    before = noise()
    after = painted(before, Mode.MOSAIC, Shape.BOX)
    side = 60 // SHORTER_CELLS
    for top in range(10, 70, side):
        for left in range(20, 80, side):
            block = after[top : top + side, left : left + side].reshape(-1, 3)
            average = before[top : top + side, left : left + side].reshape(-1, 3).mean(axis=0)
            assert (block == block[0]).all()
            assert np.abs(block[0] - average).max() <= 1


@pytest.mark.parametrize("mode", [Mode.BLUR, Mode.MOSAIC])
@pytest.mark.parametrize(("columns", "rows"), [(2, 2), (3, 2), (2, 3)])
@pytest.mark.parametrize("block", [6, 24, 300])
def test_what_is_left_does_not_grow_with_the_object(mode: Mode, columns: int, rows: int, block: int) -> None:
    """Two pictures that differ in all details and agree in a few averages look the same once covered."""
    rough = np.random.default_rng(1).integers(60, 190, (rows, columns)).repeat(block, 0).repeat(block, 1)
    stripes = np.where(np.arange(rough.shape[1]) % 2, 40, -40)
    one, other = (rough + stripes).astype(np.uint8), (rough - stripes).astype(np.uint8)
    box = Box(0, 0, *one.shape[::-1])
    difference = painted(one, mode, Shape.BOX, box=box).astype(int) - painted(other, mode, Shape.BOX, box=box)
    assert np.abs(difference).max() <= 2


@pytest.mark.parametrize("size", [(800, 100), (400, 100), (100, 900), (31, 8)])
def test_a_long_object_keeps_six_averages_too(size: tuple[int, int]) -> None:
    width, height = size
    pixels = np.random.default_rng(1).integers(0, 256, (height, width)).astype(np.uint8)
    assert len(np.unique(painted(pixels, Mode.MOSAIC, Shape.BOX, box=Box(0, 0, width, height)))) <= 6


@pytest.mark.parametrize("shape", Shape)
@pytest.mark.parametrize("mode", [Mode.GRADIENT, Mode.SOLID])
@pytest.mark.parametrize("feather", [0.0, 0.2])
def test_some_covers_keep_nothing_of_what_is_inside(mode: Mode, shape: Shape, feather: float) -> None:
    one = noise()
    other = one.copy()
    other[~outside(shape)] = 255 - one[~outside(shape)]
    same = painted(one, mode, shape, feather)[~outside(shape)] == painted(other, mode, shape, feather)[~outside(shape)]
    assert same.all()


def test_each_cover_has_its_own_mode_and_colour() -> None:
    pixels = np.full((10, 30), 100, np.uint8)
    covers = [
        Cover(Box(0, 0, 5, 10), Shape.BOX, Mode.SOLID, color="#ffffff"),
        Cover(Box(10, 0, 15, 10), Shape.BOX, Mode.SOLID),
        Cover(Box(20, 0, 25, 10), Shape.BOX, Mode.GRADIENT),
    ]
    paint_covers(pixels, covers, lambda color: {"#ffffff": (255,), "#000000": (0,)}[color])
    assert pixels[5, ::5].tolist() == [255, 100, 0, 100, 100, 100]


@pytest.mark.parametrize(
    "box", [Box(-50, -50, 10, 10), Box(100, 80, 500, 500), Box(-10, -10, 200, 200), Box(30.2, 40.7, 30.9, 41.1)]
)
@pytest.mark.parametrize("shape", Shape)
@pytest.mark.parametrize("mode", Mode)
def test_covers_may_reach_over_the_edge_or_be_tiny(box: Box, shape: Shape, mode: Mode) -> None:
    assert painted(noise(), mode, shape, 0.1, box).shape == (90, 120, 3)


def test_a_cover_beside_the_picture_changes_nothing() -> None:
    before = noise()
    assert np.array_equal(painted(before, Mode.SOLID, Shape.BOX, box=Box(130, 0, 150, 20)), before)


def test_a_turned_view_is_painted_through() -> None:
    stored = noise()
    cover = Cover(Box(0, 0, 20, 10), Shape.BOX, Mode.SOLID)
    paint_covers(stored.swapaxes(0, 1)[::-1], [cover], lambda _: (1, 2, 3))
    assert (stored[:20, -10:] == (1, 2, 3)).all()
