from __future__ import annotations

import numpy as np
import pytest

from services.common.media.vocabulary import Box
from services.processor.video.orientation import Orientation

ONE = 1 << 16
# Upright x and y from the frame's: the eight ways to turn and mirror a picture.
WAYS = [
    (1, 0, 0, 1),
    (-1, 0, 0, 1),
    (1, 0, 0, -1),
    (-1, 0, 0, -1),
    (0, 1, 1, 0),
    (0, 1, -1, 0),
    (0, -1, 1, 0),
    (0, -1, -1, 0),
]


@pytest.mark.parametrize("way", WAYS)
def test_boxes_turn_as_pictures_do_and_back(way: tuple[int, int, int, int]) -> None:
    orientation = Orientation(*way)
    frame = np.zeros((30, 50, 3), np.uint8)
    frame[4:9, 10:30] = 255

    upright = orientation.upright_picture(frame)

    rows, columns = np.nonzero(upright[..., 0])
    box = orientation.upright_box(Box(10, 4, 30, 9), 50, 30)
    assert (box.left, box.top, box.right, box.bottom) == (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
    assert orientation.frame_box(box, 50, 30) == Box(10, 4, 30, 9)
    assert upright.shape[1::-1] == orientation.upright_size(50, 30)


@pytest.mark.parametrize("way", WAYS)
def test_reads_every_quarter_turn_of_a_display_matrix(way: tuple[int, int, int, int]) -> None:
    a, b, c, d = (ONE * one for one in way)

    assert Orientation.of_display_matrix((a, b, 0, c, d, 0, 0, 0, 1 << 30)) == Orientation(*way)


@pytest.mark.parametrize(
    "matrix", [(46341, 46341, 0, -46341, 46341, 0, 0, 0, 1 << 30), (0,) * 9, (2 * ONE, 0, 0, 0, ONE, 0, 0, 0, 1)]
)
def test_what_is_no_quarter_turn_counts_as_upright(matrix: tuple[int, ...]) -> None:
    assert Orientation.of_display_matrix(matrix) == Orientation()
