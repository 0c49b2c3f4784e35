from __future__ import annotations

import pytest

from services.processor.video.tracking.cadence import Cadence, DetectionBudget

BUDGET = DetectionBudget(seconds_per_frame=0.004, seconds_per_megapixel=0.01, widest_gap_seconds=0.2, farthest_move=0.4)


def cadence(rate: float = 30.0) -> Cadence:
    """For frames of one megapixel: 14 ms a frame."""
    return Cadence(rate, 1000, 1000, BUDGET)


def test_looks_at_the_next_frame_until_a_cost_is_known() -> None:
    assert cadence().stride == 1


@pytest.mark.parametrize(("cost_seconds", "stride"), [(0.001, 1), (0.014, 1), (0.015, 2), (0.05, 4), (9.0, 6)])
def test_passes_as_many_frames_as_a_look_costs_but_never_too_many(cost_seconds: float, stride: int) -> None:
    chosen = cadence()
    chosen.learn(cost_seconds, 0.0)

    assert chosen.stride == stride


@pytest.mark.parametrize(("speed", "stride"), [(0.5, 6), (3.0, 4), (6.0, 2), (100.0, 1)])
def test_looks_closer_where_things_move_fast(speed: float, stride: int) -> None:
    chosen = cadence()
    chosen.learn(9.0, speed)

    assert chosen.stride == stride


def test_looks_at_every_frame_of_a_slow_video() -> None:
    chosen = cadence(rate=1.0)
    chosen.learn(9.0, 0.0)

    assert chosen.stride == 1


def test_one_slow_look_does_not_decide() -> None:
    chosen = cadence()
    for _ in range(20):
        chosen.learn(0.01, 0.0)
    chosen.learn(0.02, 0.0)

    assert chosen.stride == 1
