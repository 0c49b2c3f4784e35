from __future__ import annotations

import pytest

from services.common.media.anonymize.regions import Moment, Region
from services.common.media.vocabulary import Box, TrackPoint

HERE, THERE = Box(0, 0, 10, 10), Box(100, 40, 120, 60)
MOVING = Region((TrackPoint(1000, HERE), TrackPoint(2000, THERE), TrackPoint(2500, THERE)))


@pytest.mark.parametrize(
    ("time_ns", "box"),
    [
        (0, HERE),
        (1000, HERE),
        (1250, Box(25, 10, 37.5, 22.5)),
        (1500, Box(50, 20, 65, 35)),
        (2000, THERE),
        (2300, THERE),
        (9999, THERE),
    ],
)
def test_a_box_moves_straight_between_keyframes_and_rests_outside(time_ns: int, box: Box) -> None:
    assert MOVING.box_at(time_ns) == box


def test_a_region_without_a_span_is_in_every_frame() -> None:
    assert Region.resting(HERE).box_in(Moment(0, 40)) == Region.resting(HERE).box_in(Moment(10**15, None)) == HERE


@pytest.mark.parametrize(
    ("moment", "shown", "begins"),
    [
        (Moment(60, 100), False, False),
        (Moment(61, 101), True, False),
        (Moment(100, 140), True, True),
        (Moment(199, 239), True, True),
        (Moment(200, 240), False, False),
        (Moment(50, None), True, False),
    ],
)
def test_a_frame_counts_by_the_time_for_which_it_is_shown(moment: Moment, shown: bool, begins: bool) -> None:
    region = Region(Region.resting(HERE).keyframes, 100, 200)
    assert (region.box_in(moment), region.box_from(moment)) == (HERE if shown else None, HERE if begins else None)


def test_a_picture_without_time_has_the_first_box() -> None:
    late = Region(MOVING.keyframes, 5000, 6000)
    assert late.box_in(None) == late.box_from(None) == HERE
