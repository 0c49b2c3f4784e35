from __future__ import annotations

from datetime import timedelta
from fractions import Fraction

import pytest

from services.processor.video.timeline import Timeline


def timeline() -> Timeline:
    """Ten frames a second from the seventh on; the sixth begins another scene."""
    line = Timeline(Fraction(1, 1000))
    for number in range(12):
        line.append(700 + 100 * number, 2.0, -1.0, number == 6)
    return line


def test_counts_time_from_the_first_frame() -> None:
    line = timeline()

    assert line.seconds(0) == 0
    assert line.time(3) == timedelta(milliseconds=300)
    assert line.pts(3) == 1000
    assert len(line) == 12


@pytest.mark.parametrize(("milliseconds", "frame"), [(0, 0), (299, 2), (300, 3), (399, 3), (5000, 11)])
def test_finds_the_frame_that_is_shown_at_a_time(milliseconds: int, frame: int) -> None:
    assert timeline().frame_at(timedelta(milliseconds=milliseconds)) == frame


def test_every_frame_is_shown_at_its_own_time() -> None:
    line = Timeline(Fraction(1, 11_988))
    for number in range(500):
        line.append(10_214 + 400 * number, 0.0, 0.0, False)

    assert [line.frame_at(line.time(frame)) for frame in range(500)] == list(range(500))


def test_adds_up_the_cameras_movements() -> None:
    assert timeline().camera(3) == (8.0, -4.0)


def test_reaches_back_and_forth_within_a_scene_only() -> None:
    line = timeline()

    assert line.first_within(4, 0.25) == 2
    assert line.last_within(2, 0.25) == 4
    assert line.first_within(7, 0.5) == 6
    assert line.last_within(4, 0.5) == 5
    assert (line.scene_start(5), line.scene_end(5)) == (0, 5)
    assert (line.scene_start(6), line.scene_end(6)) == (6, 11)
