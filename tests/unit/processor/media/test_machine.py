from __future__ import annotations

import errno
from datetime import timedelta
from pathlib import Path

import pytest

from services.common.base.errors import StoreFull, StoreUnavailable
from services.common.workers.errors import JobCrashed, JobTimedOut
from services.processor.media.machine import Troubles, is_of_machine

SECOND_NS = 1_000_000_000


class Clock:
    now_ns = 1000 * SECOND_NS

    def __call__(self) -> int:
        return self.now_ns

    def advance(self, seconds: float) -> None:
        self.now_ns += round(seconds * SECOND_NS)


@pytest.mark.parametrize(
    "error",
    [StoreUnavailable("queue", "gone"), StoreFull("objects"), MemoryError(), OSError(errno.ENOSPC, "no room")],
)
def test_what_a_store_or_the_machine_lacks_is_no_fault_of_the_content(error: Exception, tmp_path: Path) -> None:
    assert is_of_machine(error, tmp_path)


@pytest.mark.parametrize(
    "error",
    [JobCrashed(-11), JobTimedOut(timedelta(seconds=1)), ZeroDivisionError(), FileNotFoundError(errno.ENOENT, "")],
)
def test_what_happened_to_a_worker_may_be_a_fault_of_the_content(error: Exception, tmp_path: Path) -> None:
    assert not is_of_machine(error, tmp_path)


def test_a_lease_that_ended_in_an_outage_is_excused_and_no_other() -> None:
    clock = Clock()
    troubles = Troubles(clock)
    assert not troubles.excuse(clock())
    before_ns = clock()
    clock.advance(60)
    troubles.note()
    within_ns = clock() + 5 * SECOND_NS
    clock.advance(20)
    troubles.note()
    clock.advance(600)
    assert not troubles.excuse(before_ns)
    assert troubles.excuse(within_ns)
    assert not troubles.excuse(clock())


def test_a_later_outage_does_not_reach_back_to_an_earlier_one() -> None:
    clock = Clock()
    troubles = Troubles(clock)
    troubles.note()
    clock.advance(600)
    between_ns = clock()
    clock.advance(600)
    troubles.note()
    assert not troubles.excuse(between_ns)
