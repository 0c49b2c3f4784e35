"""When a delivery that failed is tried again: 5 s later, then twice as long each time, up to an hour."""

from __future__ import annotations

from services.common.base.instants import SECOND_NS

FIRST_SECONDS = 5
LONGEST_SECONDS = 3600
# The last attempt comes about 5 hours after the first.
ATTEMPTS_MOST = 14


def retry_after_ns(failures: int) -> int:
    """How long to wait after so many failures."""
    return min(FIRST_SECONDS << min(failures - 1, 20), LONGEST_SECONDS) * SECOND_NS
