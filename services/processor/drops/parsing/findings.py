"""The findings of quality checks in a drop: the reason, the place, and a bounded list."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar


class QualityReason(StrEnum):
    """Why a drop is quarantined."""

    TOO_LARGE = "TOO_LARGE"
    NOT_UTF8 = "NOT_UTF8"
    NOT_JSON = "NOT_JSON"
    LONE_SURROGATE = "LONE_SURROGATE"
    TOO_DEEP = "TOO_DEEP"
    DUPLICATE_KEY = "DUPLICATE_KEY"
    EMPTY_BATCH = "EMPTY_BATCH"
    TOO_MANY_MEASUREMENTS = "TOO_MANY_MEASUREMENTS"
    NOT_AN_OBJECT = "NOT_AN_OBJECT"
    MISSING_KEY = "MISSING_KEY"
    TIMESTAMP_NOT_A_STRING = "TIMESTAMP_NOT_A_STRING"
    TIMESTAMP_MALFORMED = "TIMESTAMP_MALFORMED"
    TIMESTAMP_WITHOUT_OFFSET = "TIMESTAMP_WITHOUT_OFFSET"
    TIMESTAMP_IMPOSSIBLE = "TIMESTAMP_IMPOSSIBLE"
    OFFSET_IMPOSSIBLE = "OFFSET_IMPOSSIBLE"
    LEAP_SECOND = "LEAP_SECOND"
    TIMESTAMP_TOO_PRECISE = "TIMESTAMP_TOO_PRECISE"
    TIMESTAMP_OUT_OF_RANGE = "TIMESTAMP_OUT_OF_RANGE"
    DATA_NOT_AN_ARRAY = "DATA_NOT_AN_ARRAY"
    DATA_EMPTY = "DATA_EMPTY"
    TOO_MANY_POINTS = "TOO_MANY_POINTS"
    NOT_A_NUMBER = "NOT_A_NUMBER"
    NOT_FINITE = "NOT_FINITE"
    NESTED_ARRAY = "NESTED_ARRAY"


class WarningReason(StrEnum):
    """Reasons to warn the sender of an accepted drop."""

    UNKNOWN_KEY = "UNKNOWN_KEY"
    SAME_INSTANT_IN_DROP = "SAME_INSTANT_IN_DROP"


Reason = TypeVar("Reason", QualityReason, WarningReason)


@dataclass(frozen=True, slots=True)
class Finding(Generic[Reason]):
    """One reason, the JSON path where it was found, and a sentence for a person: path and message are valid Unicode."""

    reason: Reason
    path: str
    message: str


class Findings(Generic[Reason]):
    """The first `limit` findings in the order they were met, and how many more there were."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._kept: list[Finding[Reason]] = []
        self.more = 0

    def __bool__(self) -> bool:
        return bool(self._kept) or self.more > 0

    @property
    def full(self) -> bool:
        """Whether further findings are only counted."""
        return len(self._kept) >= self._limit

    @property
    def kept(self) -> tuple[Finding[Reason], ...]:
        """Returns the findings that are listed one by one."""
        return tuple(self._kept)

    def add(self, reason: Reason, path: str, message: str) -> None:
        """Keep one finding, or only count it where the limit is reached."""
        if self.full:
            self.more += 1
        else:
            self._kept.append(Finding(reason, path, message))
