"""Conditional and partial downloads, as RFC 9110 has them, as plain functions."""

from __future__ import annotations

import re
from dataclasses import dataclass

# No content has more than 10^18 bytes, and Python refuses numbers of thousands of digits.
_RANGE = re.compile(r"bytes\s*=\s*(\d{0,18})\s*-\s*(\d{0,18})\s*", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ByteRange:
    """Some bytes of a content: from `start` on, before `end`."""

    start: int
    end: int

    @property
    def length(self) -> int:
        """How many bytes."""
        return self.end - self.start

    def header(self, size_bytes: int) -> str:
        """Returns its Content-Range header."""
        return f"bytes {self.start}-{self.end - 1}/{size_bytes}"


class Unsatisfiable(Exception):
    """A range without a byte of the content."""


def is_unchanged(if_none_match: str | None, etag: str) -> bool:
    """Whether the caller has the content already."""
    if if_none_match is None:
        return False
    given = [candidate.strip().removeprefix("W/") for candidate in if_none_match.split(",")]
    return "*" in given or etag in given


def asked_range(header: str | None, if_range: str | None, etag: str, size_bytes: int) -> ByteRange | None:
    """The one range that a request asks for; None for the whole, also where several are asked for or none can be read.

    Raises Unsatisfiable.
    """
    if header is None or (if_range is not None and if_range.strip() != etag):
        return None
    match = _RANGE.fullmatch(header.strip())
    if match is None:
        return None
    first, last = match.groups()
    if first:
        start, end = int(first), min(int(last) + 1, size_bytes) if last else size_bytes
        if last and int(last) < start:
            return None
    elif last:
        start, end = max(0, size_bytes - int(last)), size_bytes
    else:
        return None
    if start >= end:
        raise Unsatisfiable
    return ByteRange(start, end)
