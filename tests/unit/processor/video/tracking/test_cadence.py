from __future__ import annotations

import pytest

from services.processor.video.tracking.cadence import Cadence, DetectionBudget

BUDGET = DetectionBudget(
    seconds_per_frame=0.004,
    seconds_per_megapixel=0.01,
    seconds_per_video=100.0,
    widest_gap_seconds=0.2,
    farthest_move=0.4,
)


def cadence(cost_seconds: float, rate: float = 30.0, frames: int | None = None) -> Cadence:
    """For frames of one megapixel: 14 ms a frame."""
    return Cadence(rate, cost_seconds, BUDGET.per_frame(1000, 1000, frames), BUDGET)


@pytest.mark.parametrize(("cost_seconds", "stride"), [(0.001, 1), (0.014, 1), (0.015, 2), (0.05, 4), (9.0, 6)])
def test_passes_as_many_frames_as_a_look_costs_but_never_too_many(cost_seconds: float, stride: int) -> None:
    assert cadence(cost_seconds).stride == stride


@pytest.mark.parametrize(("speed", "stride"), [(0.5, 6), (3.0, 4), (6.0, 2), (100.0, 1)])
def test_looks_closer_where_things_move_fast(speed: float, stride: int) -> None:
    chosen = cadence(9.0)
    chosen.learn(speed)

    assert chosen.stride == stride


@pytest.mark.parametrize(("frames", "stride"), [(None, 1), (100, 1), (20_000, 3), (200_000, 6)])
def test_looks_less_often_where_a_video_is_long(frames: int | None, stride: int) -> None:
    assert cadence(0.014, frames=frames).stride == stride


def test_looks_at_every_frame_of_a_slow_video() -> None:
    assert cadence(9.0, rate=1.0).stride == 1
