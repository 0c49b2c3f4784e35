"""Instants as nanoseconds since the epoch, and as the contract's timestamps."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

SECOND_NS = 1_000_000_000
EARLIEST_NS, LATEST_NS = -(2**63), 2**63 - 1
# A change gets its time before it is stored, so it may show after one with a later time. An acknowledged change shows
# within SHOWN_WITHIN of its time, since one whose write takes longer gets a later time. Those who read changes in the
# order of their times look back by LOOK_BACK: the difference is for machines whose clocks differ.
SHOWN_WITHIN = timedelta(seconds=7)
LOOK_BACK = timedelta(seconds=10)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class AgeClock:
    """A clock for what is deleted by its age: one that is set forward makes nothing look older than it is."""

    def __init__(
        self, now_ns: Callable[[], int] = time.time_ns, elapsed_ns: Callable[[], int] = time.monotonic_ns
    ) -> None:
        self._now_ns = now_ns
        self._elapsed_ns = elapsed_ns
        self._start_ns = now_ns() - elapsed_ns()

    def __call__(self) -> int:
        """The time, without what the machine's clock was set forward since this one was made."""
        elapsed_ns = self._elapsed_ns()
        self._start_ns = min(self._start_ns, self._now_ns() - elapsed_ns)
        return self._start_ns + elapsed_ns


def to_timestamp(instant_ns: int) -> Timestamp:
    """The contract's form of an instant."""
    seconds, nanos = divmod(instant_ns, SECOND_NS)
    return Timestamp(seconds=seconds, nanos=nanos)


def set_timestamp(timestamp: Timestamp, instant_ns: int) -> None:
    """Fills in a timestamp, so that one within a message need not be copied there."""
    timestamp.seconds, timestamp.nanos = divmod(instant_ns, SECOND_NS)


def from_timestamp(timestamp: Timestamp) -> int:
    """Nanoseconds since the epoch; an instant too far for int64 is taken for the farthest that it holds."""
    instant_ns = int(timestamp.seconds) * SECOND_NS + int(timestamp.nanos)
    return max(EARLIEST_NS, min(instant_ns, LATEST_NS))


def to_duration(length_ns: int) -> Duration:
    """The contract's form of a length of time that is not negative."""
    seconds, nanos = divmod(length_ns, SECOND_NS)
    return Duration(seconds=seconds, nanos=nanos)


def from_duration(duration: Duration) -> int:
    """Nanoseconds."""
    return int(duration.seconds) * SECOND_NS + int(duration.nanos)


def to_ns(length: timedelta) -> int:
    """The whole nanoseconds of a length of time."""
    return length // timedelta(microseconds=1) * 1000


def lease_lasts(end_ns: int, now_ns: int, longest: timedelta) -> bool:
    """Whether a lease still lasts; one that ends even later than the longest was given by a clock set back since."""
    return now_ns < end_ns <= now_ns + to_ns(longest)


def utc_day(instant_ns: int) -> str:
    """The day of an instant in UTC, for example "2026-01-31"."""
    return (EPOCH + timedelta(seconds=instant_ns // SECOND_NS)).strftime("%Y-%m-%d")
