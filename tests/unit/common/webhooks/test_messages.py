from __future__ import annotations

from dataclasses import replace

import pytest

from services.common.base.instants import to_timestamp
from services.common.events.model import EventKind
from services.common.webhooks.messages import delivery_message
from services.common.webhooks.model import Delivery, DeliveryState

BEHIND = Delivery("hook.event", "hook", EventKind.MEDIA, "one", "processed", time_ns=10**18)


def test_a_delivery_behind_another_has_no_time_of_its_own() -> None:
    assert not delivery_message(BEHIND).HasField("retry_time")


def test_a_delivery_that_failed_has_the_time_of_its_next_attempt() -> None:
    failed = replace(BEHIND, attempts=1, retry_time_ns=10**18 + 5)
    assert delivery_message(failed).retry_time == to_timestamp(10**18 + 5)


@pytest.mark.parametrize("retry_time_ns", [0, 10**18 + 5])
def test_a_delivery_that_is_given_up_has_none(retry_time_ns: int) -> None:
    given_up = replace(BEHIND, state=DeliveryState.FAILED, retry_time_ns=retry_time_ns)
    assert not delivery_message(given_up).HasField("retry_time")
