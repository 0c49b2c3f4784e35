from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from training.data import Pictures, read_labels


@pytest.fixture
def data_set(tmp_path: Path) -> Path:
    root = tmp_path / "data"
    (root / "images").mkdir(parents=True)
    (root / "labels").mkdir()
    for name, side in (("a_0001.png", 20), ("b_0001.png", 40)):
        cv2.imwrite(str(root / "images" / name), np.full((side, side * 2, 3), side, np.uint8))
    (root / "labels" / "a_0001.txt").write_text("2 0.5 0.5 0.5 0.5\n")
    (root / "labels" / "b_0001.txt").write_text("")
    (root / "labels" / "b_0001.ignore.txt").write_text("0 0.25 0.25 0.5 0.5\n")
    (root / "train.txt").write_text("images/a_0001.png\nimages/b_0001.png\n")
    (root / "ORIGIN.csv").write_text("file,human_labelled\na_0001.png,license_plate|vehicle\nb_0001.png,\n")
    return root


def test_boxes_come_as_pixels(tmp_path: Path) -> None:
    path = tmp_path / "labels.txt"
    path.write_text("3 0.5 0.25 0.1 0.5\n")
    np.testing.assert_allclose(read_labels(path, width=200, height=100), [[3, 90, 0, 110, 50]], atol=1e-4)


def test_a_picture_without_a_label_file_holds_nothing(tmp_path: Path) -> None:
    assert read_labels(tmp_path / "absent.txt", 10, 10).shape == (0, 5)


def test_pictures_carry_their_labels_regions_and_who_labelled_them(data_set: Path, tmp_path: Path) -> None:
    first, second = Pictures(data_set, "train", tmp_path / "cache")
    assert first.pixels.shape == (20, 40, 3)
    assert (first.pixels == 20).all()
    np.testing.assert_allclose(first.boxes, [[2, 10, 5, 30, 15]])
    assert first.human_classes == {2, 3}
    assert second.pixels.shape == (40, 80, 3)
    assert (second.pixels == 40).all()
    np.testing.assert_allclose(second.ignored, [[0, 0, 0, 40, 20]])
    assert second.human_classes == frozenset()


def test_a_second_reader_needs_the_cache_only(data_set: Path, tmp_path: Path) -> None:
    Pictures(data_set, "train", tmp_path / "cache")
    for image in (data_set / "images").iterdir():
        image.unlink()
    assert (Pictures(data_set, "train", tmp_path / "cache")[1].pixels == 40).all()


def test_a_file_that_is_no_picture_is_named(data_set: Path, tmp_path: Path) -> None:
    (data_set / "images" / "b_0001.png").write_bytes(b"not a picture")
    with pytest.raises(ValueError, match="b_0001"):
        Pictures(data_set, "train", tmp_path / "cache")
