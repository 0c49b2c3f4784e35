from __future__ import annotations

import numpy as np
import pytest

from training.data import Boxes, Picture
from training.measure import measure

PERSON = 1


def picture(
    boxes: list[list[float]], ignored: list[list[float]] | None = None, human: tuple[int, ...] = (1,)
) -> Picture:
    rows = [np.array(r or [], np.float32).reshape(-1, 5) for r in (boxes, ignored)]
    return Picture("p.jpg", np.zeros((400, 400, 3), np.uint8), rows[0], rows[1], frozenset(human))


def found(*rows: list[float]) -> Boxes:
    """Rows of class, score, corners."""
    return np.array(rows, np.float32).reshape(-1, 6)


def test_every_object_found_and_nothing_else_is_perfect() -> None:
    result = measure(PERSON, [picture([[1, 10, 10, 80, 80]])], [found([1, 0.6, 12, 12, 80, 80])])
    assert (result.objects, result.recall, result.precision) == (1, 1.0, 1.0)
    assert result.average_precision == pytest.approx(1.0)
    assert result.threshold == pytest.approx(0.6)


def test_the_threshold_stays_where_precision_holds() -> None:
    boxes = [[1.0, x, 0.0, x + 40.0, 40.0] for x in (0.0, 100.0)]
    detections = found(
        [1, 0.9, *boxes[0][1:]], [1, 0.5, 300, 300, 380, 380], [1, 0.4, 200, 300, 280, 380], [1, 0.3, *boxes[1][1:]]
    )
    result = measure(PERSON, [picture(boxes)], [detections])
    assert result.recall == 0.5
    assert result.threshold == pytest.approx(0.9)
    assert result.average_precision == pytest.approx(0.5 + 0.5 * 0.5)


def test_a_second_box_on_one_object_is_a_mistake() -> None:
    box = [10.0, 10.0, 80.0, 80.0]
    result = measure(PERSON, [picture([[1, *box]])], [found([1, 0.9, *box], [1, 0.8, *box], [1, 0.7, *box])])
    assert result.precision == 1.0
    assert result.threshold == pytest.approx(0.9)


def test_files_where_only_models_labelled_the_class_do_not_count() -> None:
    result = measure(PERSON, [picture([[1, 10, 10, 80, 80]], human=(3,))], [found()])
    assert result.objects == 0


def test_small_objects_and_ignored_regions_count_neither_way() -> None:
    scene = picture([[1, 10, 10, 80, 80], [1, 200, 200, 220, 220]], ignored=[[1, 300, 0, 400, 100]])
    detections = found([1, 0.9, 200, 200, 220, 220], [1, 0.8, 310, 10, 390, 90], [1, 0.7, 10, 10, 80, 80])
    result = measure(PERSON, [scene], [detections])
    assert (result.objects, result.recall, result.precision) == (1, 1.0, 1.0)


def test_a_miss_is_a_recall_of_zero() -> None:
    assert measure(PERSON, [picture([[1, 10, 10, 80, 80]])], [found()]).recall == 0.0
