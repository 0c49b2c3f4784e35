from __future__ import annotations

import numpy as np
import pytest

from services.processor.detect.tensor import scaled, view_tensor
from services.processor.detect.views import View
from services.processor.models.entry import Input

VIEW = View(left=2, top=0, right=6, bottom=2, scale=1.0, input_width=6, input_height=4)


def test_a_view_lies_at_the_top_left_with_padding_beside_it():
    picture = np.arange(2 * 8 * 3, dtype=np.uint8).reshape(2, 8, 3)
    tensor = view_tensor(picture, VIEW, Input(width=6, height=4, padding=7))
    assert (tensor[:, :2, :4] == picture[:, 2:6].transpose(2, 0, 1)).all()
    assert (tensor[:, 2:] == 7).all()
    assert (tensor[:, :, 4:] == 7).all()


def test_colours_mean_and_deviation_are_the_models_own():
    picture = np.full((2, 8, 3), (10, 20, 30), np.uint8)
    settings = Input(width=6, height=4, colour="rgb", mean=(1, 2, 3), std=(1, 2, 4))
    assert view_tensor(picture, VIEW, settings)[:, 0, 0].tolist() == pytest.approx([29, 9, 1.75])


def test_a_tint_is_balanced_away():
    tinted = np.full((2, 8, 3), (100, 50, 150), np.uint8)
    assert view_tensor(tinted, VIEW, Input(width=6, height=4, balance=True))[:, 0, 0] == pytest.approx(100, abs=2)


@pytest.mark.parametrize("size", [(13, 7), (50, 50), (100, 20)])
def test_shrinking_averages_so_that_fine_texture_becomes_grey(size: tuple[int, int]):
    checkers = (np.indices((400, 400)).sum(axis=0) % 2 * 255).astype(np.uint8)
    small = scaled(np.stack([checkers] * 3, axis=2), *size)
    assert small.shape == (size[1], size[0], 3)
    assert abs(small.astype(int) - 127).max() <= 2
