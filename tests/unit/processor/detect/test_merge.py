from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.processor.detect.merge import CANDIDATE_LIMIT, Sameness, merge

SAME = Sameness(iou=0.5)


def merged(
    boxes: list[tuple[float, float, float, float]],
    scores: list[float],
    cut: list[bool] | None = None,
    sameness: Sameness = SAME,
) -> list[tuple[list[float], float]]:
    pieces = np.array(cut or [False] * len(boxes))
    found, best = merge(np.array(boxes, np.float32), np.array(scores, np.float32), pieces, sameness)
    return [
        ([round(side, 1) for side in box], round(score, 3))
        for box, score in zip(found.tolist(), best.tolist(), strict=True)
    ]


def test_one_box_an_object_with_the_best_score_first():
    assert merged([(0, 0, 10, 10), (0, 0, 10, 10), (50, 50, 60, 60)], [0.6, 0.9, 0.7]) == [
        ([0, 0, 10, 10], 0.9),
        ([50, 50, 60, 60], 0.7),
    ]


def test_boxes_of_one_object_vote_on_its_place_by_the_square_of_their_scores():
    assert merged([(0, 0, 20, 10), (0, 0, 15, 10)], [0.8, 0.4]) == [([0, 0, 19, 10], 0.8)]


def test_a_box_within_a_larger_one_stays_for_it_may_be_another_object():
    boxes = [(0.0, 0.0, 100.0, 100.0), (10.0, 10.0, 40.0, 40.0)]
    assert len(merged(boxes, [0.9, 0.8])) == 2
    assert len(merged(boxes, [0.9, 0.8], sameness=Sameness(0.5, within=0.7))) == 1


def test_a_piece_cut_by_a_tile_goes_without_a_vote_when_a_whole_box_covers_it():
    assert merged([(0, 0, 100, 100), (0, 0, 90, 100)], [0.6, 0.9], [False, True]) == [([0, 0, 100, 100], 0.6)]


def test_a_piece_that_nothing_covers_stays():
    assert merged([(0, 0, 100, 100), (90, 0, 190, 90)], [0.6, 0.9], [False, True]) == [
        ([90, 0, 190, 90], 0.9),
        ([0, 0, 100, 100], 0.6),
    ]


def test_nothing_in_nothing_out():
    boxes, scores = merge(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, bool), SAME)
    assert (boxes.shape, scores.shape) == ((0, 4), (0,))


def test_scores_of_nothing_are_no_trouble():
    assert merged([(0, 0, 10, 10), (0, 0, 10, 10)], [0.0, 0.0]) == [([0, 0, 10, 10], 0)]


def test_a_picture_full_of_candidates_is_bounded():
    count = 3 * CANDIDATE_LIMIT
    corners = np.arange(count, dtype=np.float32)[:, None] * 20
    boxes = np.concatenate([corners, corners, corners + 10, corners + 10], axis=1)
    scores = np.linspace(1, 0.5, count, dtype=np.float32)
    assert (merge(boxes, scores, np.zeros(count, bool), SAME)[1] == scores[:CANDIDATE_LIMIT]).all()


@given(st.lists(st.tuples(*[st.floats(0, 90, width=32)] * 2, st.floats(0, 1, width=32)), max_size=30))
def test_what_is_merged_is_sorted_and_every_box_has_a_kept_one_near(corners: list[tuple[float, float, float]]):
    boxes = np.array([(x, y, x + 10, y + 10) for x, y, _ in corners], np.float32).reshape(-1, 4)
    scores = np.array([score for *_, score in corners], np.float32)
    kept, best = merge(boxes, scores, np.zeros(len(boxes), bool), SAME)
    assert (np.diff(best) <= 0).all()
    assert len(kept) <= len(boxes)
    for box in boxes:
        assert min(np.abs(kept - box).max(axis=1)) == pytest.approx(0, abs=10)


def test_the_last_of_a_crowd_is_found_though_each_has_many_boxes():
    crowd = [
        (30.0 * column, 30.0 * row, 30.0 * column + 20, 30.0 * row + 20) for column in range(20) for row in range(20)
    ]
    boxes = [box for box in crowd for _ in range(12)]
    scores = [0.9 - 0.001 * (number // 12) for number in range(len(boxes))]
    assert len(merged(boxes, scores)) == len(crowd)
