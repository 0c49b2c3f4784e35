from __future__ import annotations

from services.common.base.instants import SECOND_NS
from services.processor.webhooks.backoff import ATTEMPTS_MOST, retry_after_ns


def test_a_delivery_is_tried_again_ever_later_for_hours() -> None:
    pauses = [retry_after_ns(failures) // SECOND_NS for failures in range(1, ATTEMPTS_MOST)]
    assert pauses[:4] == [5, 10, 20, 40]
    assert pauses == sorted(pauses)
    assert max(pauses) == 3600
    assert 4 * 3600 < sum(pauses) < 12 * 3600
    assert retry_after_ns(10_000) == 3600 * SECOND_NS
