"""Points as they are stored, out of blocks as they came: every value and instant looked at, the first bad one named."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from services.common.base.timestamps import format_timestamp
from services.common.series.points import Points, grid_times, joined
from services.ingest.series.formats.body import Block
from services.ingest.series.formats.refusals import bad_time, bad_value, channels_differ, too_many_points

END_NS = 9_214_646_400_000_000_000
"""The year 2262, which int64 nanoseconds do not reach the end of."""


def checked_points(
    blocks: Iterable[Block],
    channels: Sequence[str],
    *,
    allow_gaps: bool,
    most_points: int,
    grid: tuple[int, float, int] | None,
    after_ns: int | None,
) -> Iterator[Points]:
    """The points of a body.

    `grid` is the start, spacing and first tick of evenly spaced ones, `after_ns` the last instant before the body.
    """
    first_index = 0
    for block in blocks:
        count = len(block.columns[0])
        if count == 0:
            continue
        if first_index + count > most_points:
            raise too_many_points("a body", most_points)
        lengths = {len(column) for column in block.columns}
        if len(lengths) > 1 or (block.times_ns is not None and len(block.times_ns) != count):
            raise channels_differ("as many values as instants in each channel", ", ".join(map(str, sorted(lengths))))
        for name, column in zip(channels, block.columns, strict=True):
            _check_values(column, name, first_index, allow_gaps)
        if grid is None:
            if block.times_ns is None:
                raise bad_time(first_index, "is missing")
            times = block.times_ns
            _check_times(times, first_index, after_ns)
        else:
            times = grid_times(grid[0], grid[1], grid[2] + first_index, count)
            if not 0 <= times[0] <= times[-1] < END_NS:
                raise bad_time(first_index, "is not within the years 1970 to 2261")
        after_ns = int(times[-1])
        yield Points(times, block.columns)
        first_index += count


def in_chunks(parts: Iterable[Points], points_of_a_chunk: int, channels: int) -> Iterator[Points]:
    """The same points in chunks that are full, save for the last one."""
    waiting: list[Points] = []
    count = 0
    for part in parts:
        rest = part
        while count + len(rest) >= points_of_a_chunk:
            room = points_of_a_chunk - count
            yield joined([*waiting, rest.part(0, room)], channels)
            waiting, count, rest = [], 0, rest.part(room, len(rest))
        if len(rest):
            waiting.append(rest)
            count += len(rest)
    if waiting:
        yield joined(waiting, channels)


def _check_values(column: np.ndarray, name: str, first_index: int, allow_gaps: bool) -> None:
    is_bad = np.isinf(column) if allow_gaps else ~np.isfinite(column)
    if is_bad.any():
        index = int(is_bad.argmax())
        problem = (
            "is missing; allow_gaps lets it be"
            if np.isnan(column[index])
            else "is infinite; only finite numbers are kept"
        )
        raise bad_value(first_index + index, name, problem)


def _check_times(times: np.ndarray, first_index: int, after_ns: int | None) -> None:
    is_outside = (times < 0) | (times >= END_NS)
    if is_outside.any():
        raise bad_time(first_index + int(is_outside.argmax()), "is not within the years 1970 to 2261")
    before = np.concatenate([[after_ns if after_ns is not None else times[0] - 1], times[:-1]])
    is_late = times <= before
    if is_late.any():
        index = int(is_late.argmax())
        raise bad_time(
            first_index + index,
            f"{format_timestamp(int(times[index]))} is not after {format_timestamp(int(before[index]))} before it",
        )
