from __future__ import annotations

from services.common.media.model import Processing
from tests.unit.common.media.test_transitions import NEW, PROCESSED, PROCESSING, media


def test_an_idle_media_is_one_that_no_worker_has_and_nobody_changed() -> None:
    # Last changed at 5.
    assert media(NEW).is_idle_since(6)
    assert not media(NEW).is_idle_since(5)
    assert not media(NEW, unqueued_since_ns=50).is_idle_since(6)
    held = media(PROCESSING, processing=Processing(lease_end_ns=99))
    assert not held.is_idle_since(99)
    assert held.is_idle_since(100)
    assert not media(PROCESSED).is_idle_since(100)
