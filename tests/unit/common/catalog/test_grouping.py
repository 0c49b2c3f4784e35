from __future__ import annotations

import pytest

from services.common.catalog.grouping import WaitingBatches


@pytest.mark.parametrize(
    ("asked", "durable"), [((True,), True), ((False,), False), ((False, False), False), ((False, True, False), True)]
)
async def test_a_group_is_durable_as_soon_as_one_of_its_batches_is(asked: tuple[bool, ...], durable: bool) -> None:
    waiting: WaitingBatches[str] = WaitingBatches(10)
    for one in asked:
        waiting.add(["write"], durable=one)
    assert waiting.take().is_durable is durable


async def test_a_batch_that_waits_for_the_next_group_does_not_make_this_one_durable() -> None:
    waiting: WaitingBatches[str] = WaitingBatches(1)
    waiting.add(["write"], durable=False)
    waiting.add(["write"], durable=True)
    assert [waiting.take().is_durable, waiting.take().is_durable] == [False, True]
