from __future__ import annotations

import pytest

from services.common.caching.recent import KEPT_SECONDS, Recent


class Clock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def test_values_are_kept_until_there_are_too_many_and_the_least_lately_read_go_first() -> None:
    recent = Recent(10)
    for name in ("a", "b", "c"):
        recent.keep(name, name.upper(), 3)
    assert recent.get("a") == "A"
    recent.keep("d", "D", 4)
    assert [recent.get(name) for name in ("a", "b", "c", "d")] == ["A", None, "C", "D"]
    assert recent.held_bytes == 10


def test_what_is_larger_than_the_limit_is_not_kept() -> None:
    recent = Recent(10)
    recent.keep("small", "s", 10)
    recent.keep("large", "l", 11)
    assert (recent.get("small"), recent.get("large")) == ("s", None)


def test_values_that_would_push_out_most_others_have_no_room() -> None:
    assert Recent(10).has_room_for(5)
    assert not Recent(10).has_room_for(6)


@pytest.mark.parametrize("times", [1, 2])
def test_a_value_that_is_kept_again_counts_once(times: int) -> None:
    recent = Recent(10)
    for _ in range(times):
        recent.keep("a", "A", 3)
    assert recent.held_bytes == 3


def test_what_nobody_read_for_a_minute_is_forgotten() -> None:
    clock = Clock()
    recent = Recent(10, clock)
    recent.keep("a", "A", 3)
    recent.keep("b", "B", 3)
    clock.seconds = KEPT_SECONDS - 1
    recent.get("a")
    clock.seconds = KEPT_SECONDS + 1
    recent.forget_unread()
    assert (recent.get("b"), recent.get("a"), recent.held_bytes) == (None, "A", 3)
