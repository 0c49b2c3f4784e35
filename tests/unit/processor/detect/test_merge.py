from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from services.processor.detect.merge import CANDIDATE_LIMIT, suppress


def kept(
    boxes: list[tuple[float, float, float, float]], scores: list[float], cut: list[bool] | None = None
) -> list[int]:
    pieces = np.array(cut or [False] * len(boxes))
    index = suppress(np.array(boxes, np.float32), np.array(scores, np.float32), pieces, 0.5)
    return [int(number) for number in index]


def test_the_best_of_overlapping_boxes_stays():
    assert kept([(0, 0, 10, 10), (1, 0, 11, 10), (50, 50, 60, 60)], [0.6, 0.9, 0.7]) == [1, 2]


def test_a_box_within_a_larger_one_stays_for_it_may_be_another_object():
    assert kept([(0, 0, 100, 100), (10, 10, 40, 40)], [0.9, 0.8]) == [0, 1]


def test_a_piece_cut_by_a_tile_goes_when_a_whole_box_covers_it_even_with_a_lower_score():
    assert kept([(0, 0, 100, 100), (10, 0, 50, 90)], [0.6, 0.9], [False, True]) == [0]


def test_a_piece_that_nothing_covers_stays():
    assert kept([(0, 0, 100, 100), (90, 0, 190, 90)], [0.6, 0.9], [False, True]) == [1, 0]


def test_nothing_in_nothing_out():
    assert suppress(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, bool), 0.5).tolist() == []


def test_a_picture_full_of_candidates_is_bounded():
    count = 3 * CANDIDATE_LIMIT
    corners = np.arange(count, dtype=np.float32)[:, None] * 20
    boxes = np.concatenate([corners, corners, corners + 10, corners + 10], axis=1)
    scores = np.linspace(1, 0.5, count, dtype=np.float32)
    assert suppress(boxes, scores, np.zeros(count, bool), 0.5).tolist() == list(range(CANDIDATE_LIMIT))


@given(st.lists(st.tuples(*[st.floats(0, 90, width=32)] * 2, st.floats(0, 1, width=32)), max_size=30))
def test_what_is_kept_is_sorted_and_does_not_overlap(corners: list[tuple[float, float, float]]):
    boxes = np.array([(x, y, x + 10, y + 10) for x, y, _ in corners], np.float32).reshape(-1, 4)
    scores = np.array([score for *_, score in corners], np.float32)
    index = suppress(boxes, scores, np.zeros(len(boxes), bool), 0.5)
    assert (np.diff(scores[index]) <= 0).all()
    for first in index:
        for second in index:
            if first != second:
                width, height = 10 - np.abs(boxes[first, :2] - boxes[second, :2]).clip(max=10)
                assert width * height <= 0.5 * (200 - width * height) + 1e-3
