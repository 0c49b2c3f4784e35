from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.processor.detect.views import plan_closer_view, plan_turned_views, plan_views
from services.processor.models.entry import Input, Tiles

FIXED = Input(width=320, height=240)
FREE = Input(width=640, height=640, stride=32)
TILES = Tiles(max_downscale=2.0, overlap=0.2)


def test_a_small_picture_is_looked_at_once_and_fills_a_fixed_input():
    (view,) = plan_views(160, 60, FIXED, TILES)
    assert (view.input_width, view.input_height) == (320, 240)
    assert (view.scaled_width, view.scaled_height) == (320, 120)


def test_a_free_input_keeps_the_size_of_a_picture_that_fits_and_grows_to_the_stride():
    (view,) = plan_views(500, 333, FREE, None)
    assert view.scale == 1
    assert (view.input_width, view.input_height) == (512, 352)


def test_a_free_input_enlarges_only_where_the_registry_says_so():
    (view,) = plan_views(320, 160, FREE.model_copy(update={"enlarge": True}), None)
    assert (view.scale, view.input_width, view.input_height) == (2, 640, 320)


def test_a_large_picture_gets_tiles_beside_the_whole():
    whole, *tiles = plan_views(1280, 720, FIXED, TILES)
    assert (whole.left, whole.top, whole.right, whole.bottom) == (0, 0, 1280, 720)
    assert len(tiles) == 6
    assert all(tile.scale >= 0.5 for tile in tiles)


def test_no_part_is_shrunk_more_than_planned_however_large_the_picture():
    finest = max(view.scale for view in plan_views(12_000, 9_000, FIXED, TILES))
    assert finest >= 0.5
    assert max(view.scale for view in plan_views(12_000, 9_000, FIXED, TILES, coarser=3.0)) >= 0.5 / 3


def test_what_is_too_large_for_the_finest_parts_lies_whole_in_a_part_of_a_coarser_level():
    views = plan_views(4000, 3000, FIXED, TILES)
    wide = sorted({round(view.right - view.left, -2) for view in views})
    assert len(wide) >= 3
    assert all(larger <= 3 * smaller for smaller, larger in pairwise(wide))


def test_turned_views_are_small_and_their_input_lies_on_its_side():
    left, right = plan_turned_views(640, 480, FREE, 256)
    assert (left.quarter_turns, right.quarter_turns) == (1, 3)
    assert (left.scaled_width, left.scaled_height) == (256, 192)
    assert (left.input_width, left.input_height) == (192, 256)


@pytest.mark.parametrize(("longest", "shown"), [(640, 256), (1280, 512), (1500, 600), (10_000, 640)])
def test_turned_views_of_larger_pictures_are_larger_up_to_the_models_input(longest: int, shown: int):
    assert plan_turned_views(longest, longest // 2, FREE, 256)[0].scaled_width == shown


def test_a_closer_view_shows_a_place_at_its_size_with_half_as_much_around_it():
    view = plan_closer_view(4000, 3000, 32, (1000, 600, 1030, 640), 64)
    assert (view.left, view.top, view.right, view.bottom) == (980, 580, 1050, 660)
    assert (view.scale, view.input_width, view.input_height) == (1.6, 128, 128)


@given(
    left=st.floats(0, 3999), top=st.floats(0, 2999), wide=st.floats(0, 4000, exclude_min=True), tall=st.floats(0, 3000)
)
def test_a_closer_view_lies_in_the_picture_and_is_small(left: float, top: float, wide: float, tall: float):
    view = plan_closer_view(4000, 3000, 32, (left, top, min(4000, left + wide), min(3000, top + tall)), 64)
    assert 0 <= view.left < view.right <= 4000
    assert 0 <= view.top < view.bottom <= 3000
    assert max(view.input_width, view.input_height) <= 288
    assert view.scaled_width <= view.input_width
    assert view.scaled_height <= view.input_height


@pytest.mark.parametrize("model_input", [FIXED, FREE])
@given(width=st.integers(1, 5000), height=st.integers(1, 5000))
def test_tiles_cover_every_pixel_and_lie_within_the_picture(model_input: Input, width: int, height: int):
    views = plan_views(width, height, model_input, TILES)
    for view in views:
        assert 0 <= view.left < view.right <= width
        assert 0 <= view.top < view.bottom <= height
        assert 1 <= view.scaled_width <= view.input_width
        assert 1 <= view.scaled_height <= view.input_height
    if len(views) > 1:
        covered = np.zeros((height // 10 + 1, width // 10 + 1), bool)
        for view in views[1:]:
            covered[-(-view.top // 10) : view.bottom // 10 + 1, -(-view.left // 10) : view.right // 10 + 1] = True
        assert covered.all()
