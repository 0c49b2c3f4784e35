"""A page of an index as a few searches, each of which any ordered index answers by one seek."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from services.common.base.errors import PageTokenInvalid
from services.common.catalog import Index, Position, Range, Scalar


class Comparison(StrEnum):
    """How a field stands to a bound."""

    AT_LEAST = ">="
    ABOVE = ">"
    BELOW = "<"
    PRESENT = "present"


@dataclass(frozen=True, slots=True)
class Segment:
    """Documents whose first fields equal these values and whose next one keeps to these bounds."""

    equals: tuple[tuple[str, Scalar], ...]
    bounds: tuple[tuple[str, Comparison, Scalar], ...] = ()


def ordering(index: Index) -> tuple[str, ...]:
    """The fields that order an index, the tie-break included where there can be ties."""
    return index.fields if index.unique or "_id" in index.fields else (*index.fields, "_id")


def members_only(index: Index) -> bool:
    """Whether documents that lack one of its fields stand outside the index."""
    return index.unique or index.sparse


def segments(
    index: Index, equals: Sequence[Scalar], within: Range | None, descending: bool, after: Position | None
) -> list[Segment]:
    """The searches whose results, one after the other, are what a page holds.

    What follows a position (a, b, id) is: same a, same b, id after it; same a, b after it; a after it.
    """
    fields = ordering(index)
    depth = len(equals)
    if depth > len(fields) or (within is not None and depth == len(fields)):
        raise ValueError(f"index {index.name} has fewer fields than are searched")
    if members_only(index) and any(
        value is None for field, value in zip(fields, equals, strict=False) if field in index.fields
    ):
        return []
    same = tuple(zip(fields, equals, strict=False))
    within = within or Range()
    if after is None:
        return [Segment(same, _bounds(fields[depth], within) if depth < len(fields) else ())]
    if len(after) < len(fields) or tuple(after[:depth]) != tuple(equals):
        raise PageTokenInvalid
    found: list[Segment] = []
    try:
        inside = depth == len(fields) or _is_within(after[depth], within)
    except TypeError:
        raise PageTokenInvalid from None
    for turn in range(len(fields) - 1, depth - 1, -1):
        if turn > depth and not inside:
            continue
        prefix = (*same, *zip(fields[depth:turn], after[depth:turn], strict=True))
        bounds = within if turn == depth else Range()
        found += _following(prefix, fields[turn], after[turn], bounds, descending)
    return found


def _following(
    same: tuple[tuple[str, Scalar], ...], field: str, value: Scalar, within: Range, descending: bool
) -> list[Segment]:
    if descending:
        if value is None:
            return []
        high = value if within.high is None else min(value, within.high)
        found = [Segment(same, _bounds(field, Range(within.low, high)))]
        if within == Range():
            found.append(Segment((*same, (field, None))))
        return found
    if value is None:
        present = (field, Comparison.PRESENT, None)
        return [Segment(same, _bounds(field, within) or (present,))]
    if within.low is not None and value < within.low:  # type: ignore[operator]
        return [Segment(same, _bounds(field, within))]
    above = (field, Comparison.ABOVE, value)
    return [Segment(same, (above, *_bounds(field, Range(high=within.high))))]


def _bounds(field: str, within: Range) -> tuple[tuple[str, Comparison, Scalar], ...]:
    low = ((field, Comparison.AT_LEAST, within.low),) if within.low is not None else ()
    high = ((field, Comparison.BELOW, within.high),) if within.high is not None else ()
    return (*low, *high)


def _is_within(value: Scalar, within: Range) -> bool:
    if value is None:
        return within == Range()
    low: bool = within.low is None or value >= within.low  # type: ignore[operator]
    return low and (within.high is None or value < within.high)  # type: ignore[operator]
